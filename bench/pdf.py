"""From the upload of a 100-page PDF over HTTP to its document being ready."""

import tempfile
import time
from pathlib import Path

import numpy as np

from api.launch import House
from bench import long_pdf
from bench.house import new_person
from bench.report import Measurement

PAGES = 100


def run(house: House, *, quick: bool) -> list[Measurement]:
    rounds = 1 if quick else 3
    person = new_person(house.url)
    seconds = []
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        # The first document a worker reads waits for its parsers to load.
        for number, pages in enumerate([2] + [PAGES] * rounds):
            path = Path(folder) / f"report-{number}.pdf"
            long_pdf.write(path, pages, seed=number)
            started = time.perf_counter()
            person.upload([path])
            seconds.append(time.perf_counter() - started)
    name = f"PDF of {PAGES} pages, upload to ready"
    note = f"prose and {PAGES // 2} tables; one document of 2 pages to warm up"
    return [Measurement(name, float(np.median(seconds[1:])), "s", rounds, 10, note=note)]

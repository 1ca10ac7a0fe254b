"""From the upload of a 100-page PDF over HTTP to its document being ready."""

import tempfile
import time
from pathlib import Path

import numpy as np

from bench import long_pdf
from bench.house import InhabitedHouse, new_person
from bench.report import Measurement

PAGES = 100


def run(place: InhabitedHouse, *, quick: bool) -> list[Measurement]:
    rounds = 1 if quick else 3
    person = new_person(place.house.url)
    seconds = []
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        for number in range(rounds):
            path = Path(folder) / f"report-{number}.pdf"
            long_pdf.write(path, PAGES, seed=number)
            started = time.perf_counter()
            person.upload([path])
            seconds.append(time.perf_counter() - started)
    name = f"PDF of {PAGES} pages, upload to ready"
    note = f"prose and {PAGES // 2} tables; the worker has read other documents before"
    return [Measurement(name, float(np.median(seconds)), "s", rounds, 10, note=note)]

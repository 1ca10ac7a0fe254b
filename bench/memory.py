"""Resident memory of the processes, after whatever was done in the house before."""

import psutil

from bench.house import InhabitedHouse
from bench.report import Measurement

MIB = 1024 * 1024
API_TARGET = 700


def run(place: InhabitedHouse, *, quick: bool) -> list[Measurement]:
    api = psutil.Process(place.house.processes["api"].pid)
    worker = psutil.Process(place.house.processes["worker"].pid)
    readers = worker.children(recursive=True)
    return [
        Measurement("resident memory of the API", _mib(api), "MiB", 1, API_TARGET),
        Measurement("resident memory of the worker", _mib(worker), "MiB", 1),
        Measurement("resident memory of the worker's parsers", sum(map(_mib, readers)), "MiB", 1),
    ]


def _mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss / MIB)

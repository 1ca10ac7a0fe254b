"""Stops a process of the house for a moment: what then waits for it stays visible."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from api.launch import House


@contextmanager
def paused_worker(house: House) -> Iterator[None]:
    process_id = house.processes["worker"].pid
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)

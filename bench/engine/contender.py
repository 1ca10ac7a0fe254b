"""A server under measurement, and what it costs."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Contender:
    """`processes` are the roots of all that works for it, its database included."""

    url: str
    processes: tuple[int, ...]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def cpu_seconds(self) -> float:
        """User and system time so far, of children that have ended as well."""
        return sum(_cpu_seconds(psutil.Process(pid)) for pid in self.processes)


@contextmanager
def serving(
    command: Sequence[str], folder: Path, url: str, *, ready: str, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """The process that `command` starts in `folder`, once `ready` is answered; raises with its log when it is not."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        _wait_until_ready(process, f"{url}{ready}", log)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer:\n{log.read_text(errors='replace')[-2000:]}")


def _cpu_seconds(root: psutil.Process) -> float:
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total

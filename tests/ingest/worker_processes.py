"""Real workers on a database of the test's own, to be killed at a moment of the test's choosing."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from core.embedded import EmbeddedServers
from tests.until import until

Owner = AsyncConnection[DictRow]

# What the test locks, and the statement of the worker that then waits: it is stopped exactly there.
STOPPED_AT: dict[str, tuple[LiteralString, str]] = {
    "taken up": ("SELECT pg_advisory_xact_lock(hashtext('loading'))", "SET status = 'loading'"),
    "loaded": ("SELECT pg_advisory_xact_lock(hashtext('embedding'))", "SET status = 'embedding'"),
    "writing": (
        "INSERT INTO chunk_statistics (tenant_id, chunks) SELECT tenant_id, 0 FROM tenants "
        "ON CONFLICT (tenant_id) DO UPDATE SET chunks = chunk_statistics.chunks",
        "INTO chunk_statistics",
    ),
    "written": (
        "SELECT FROM procrastinate_jobs WHERE worker_id = (SELECT max(id) FROM procrastinate_workers) FOR UPDATE",
        "finish_job",
    ),
}


# A row lock would not do: a row that a dead worker left in a status is passed through again.
STATUS_GATE: LiteralString = """
CREATE FUNCTION pass_status_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext(NEW.status));
    RETURN NEW;
END $$;
CREATE TRIGGER status_gate BEFORE UPDATE OF status ON document_versions
    FOR EACH ROW EXECUTE FUNCTION pass_status_gate();
"""


@dataclass
class Workers:
    servers: EmbeddedServers
    alive: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed_at: list[datetime] = field(default_factory=list)

    async def start(self, owner: Owner) -> subprocess.Popen[bytes]:
        """Returns when it takes jobs."""
        newest = await _newest_worker(owner)
        worker = self._spawn()

        async def registered() -> bool:
            return await _newest_worker(owner) > newest

        await until(registered, what="a new worker")
        return worker

    def _spawn(self) -> subprocess.Popen[bytes]:
        stores = {f"ATRIUM_{name.upper()}": url for name, url in self.servers.settings.items()}
        unused = {"ATRIUM_JWT_KEYS_FILE": os.devnull}
        worker = subprocess.Popen([sys.executable, "-m", "ingest.worker"], env=os.environ | stores | unused)
        self.alive.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.send_signal(signal.SIGKILL)
        self.killed_at.append(datetime.now(UTC))
        worker.wait()
        self.alive.remove(worker)


@contextmanager
def worker_processes(servers: EmbeddedServers) -> Iterator[Workers]:
    workers = Workers(servers)
    try:
        yield workers
    finally:
        for worker in list(workers.alive):
            workers.kill(worker)


async def _newest_worker(owner: Owner) -> int:
    rows = await owner.execute("SELECT coalesce(max(id), 0) AS id FROM procrastinate_workers")
    return int((await rows.fetchall())[0]["id"])


@asynccontextmanager
async def stopped(servers: EmbeddedServers, moment: str) -> AsyncIterator[None]:
    """While the block runs, a worker waits at `moment` and gets no further."""
    lock, waiting = STOPPED_AT[moment]
    async with await AsyncConnection.connect(servers.database_url("postgres")) as connection:

        async def locked() -> bool:
            found = await connection.execute(lock)
            if not found.rowcount:
                await connection.rollback()
            return found.rowcount > 0

        async def waits() -> bool:
            # Otherwise a transaction sees the activity of its first look again and again.
            await connection.execute("SELECT pg_stat_clear_snapshot()")
            found = await connection.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
                "AND query LIKE %s",
                (f"%{waiting}%",),
            )
            return found.rowcount > 0

        await until(locked, what=f"something to lock for: {moment}")
        await until(waits, what=f"a worker that waits: {moment}")
        try:
            yield
        finally:
            await connection.rollback()

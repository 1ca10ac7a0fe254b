"""`python -m agents.worker` as a process: it works, stops when told to, and what it held is taken up by another."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Protocol

import psycopg
import pytest

from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from tests.agents.finished_runs import finish_run
from tests.tools.peers import OK, peer
from tests.until import until


class Start(Protocol):
    def __call__(self) -> subprocess.Popen[bytes]: ...


@pytest.fixture
def start(clone: EmbeddedServers) -> Iterator[Start]:
    stores = {f"ATRIUM_{name.upper()}": url for name, url in clone.settings.items()}
    environment = os.environ | stores | {
        "ATRIUM_JWT_KEYS_FILE": os.devnull,
        "ATRIUM_EGRESS_ALLOWED_HOSTS": "127.0.0.1",
    }  # fmt: skip
    workers: list[subprocess.Popen[bytes]] = []

    def spawn() -> subprocess.Popen[bytes]:
        workers.append(subprocess.Popen([sys.executable, "-m", "agents.worker"], env=environment))
        return workers[-1]

    yield spawn
    for worker in workers:
        worker.kill()
        worker.wait()


async def test_it_delivers_what_is_queued_and_stops_when_it_is_told_to(
    database: Database, acme: TenantContext, start: Start, owner_url: str
) -> None:
    worker = start()
    async with peer() as other:
        await finish_run(database, acme, f"http://127.0.0.1:{other.port}/")

        async def delivered() -> bool:
            assert worker.poll() is None, "it ended by itself"
            with psycopg.connect(owner_url) as owner:
                return owner.execute("SELECT FROM webhook_deliveries").rowcount == 0

        await until(delivered, seconds=60)
        assert len(other.requests) == 1
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 20) == 0


async def test_another_worker_takes_up_the_webhook_of_one_that_was_killed(
    database: Database, acme: TenantContext, start: Start
) -> None:
    called, answers = asyncio.Event(), [None, OK]

    async def hang_once(writer: asyncio.StreamWriter) -> None:
        called.set()
        answer = answers.pop(0)
        if answer is None:
            await asyncio.Event().wait()
        else:
            writer.write(answer)
            await writer.drain()

    async with peer(hang_once) as other:
        first = start()
        await finish_run(database, acme, f"http://127.0.0.1:{other.port}/")
        await asyncio.wait_for(called.wait(), 60)
        start()
        first.kill()

        async def told_again() -> bool:
            return len(other.requests) == 2

        await until(told_again, seconds=60)

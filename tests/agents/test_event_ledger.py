import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from random import Random

import pytest

from agents.events.log import END, Event, EventLog
from agents.events.writer import EventWriter
from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from graphs.fence import Fence
from tests.agents.appending import append
from tests.agents.event_threads import add_run, add_thread, opened_log


@pytest.fixture
async def log(clone: EmbeddedServers) -> AsyncIterator[EventLog]:
    async with opened_log(clone) as opened:
        yield opened


@pytest.fixture
async def elsewhere(clone: EmbeddedServers) -> AsyncIterator[EventLog]:
    """The log in another process."""
    async with opened_log(clone) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(3))
async def test_readers_that_come_and_go_anywhere_see_exactly_what_was_written(
    log: EventLog, elsewhere: EventLog, database: Database, acme: TenantContext, seed: int
) -> None:
    random = Random(seed)
    fences = [await add_thread(database, acme) for _ in range(4)]
    ledgers: list[list[str]] = [[] for _ in fences]

    async def write(fence: Fence, ledger: list[str], rng: Random) -> None:
        run_id = await add_run(database, acme, fence.thread_id)
        async with EventWriter(rng.choice((log, elsewhere)), acme, fence, run_id) as writer:
            for number in range(rng.randrange(200, 400)):
                ledger.append(f"{number} {'x' * rng.randrange(200)}")
                await writer.write("values", ledger[-1])
                if rng.random() < 0.2:
                    await asyncio.sleep(rng.random() * 0.02)
            rest = [*await writer.drain(), (END, "end")]
        ledger.append("end")
        await append(log, acme, fence, run_id, rest)

    async def read(fence: Fence, rng: Random) -> list[Event]:
        seen: list[Event] = []
        while not seen or seen[-1].name != END:
            since = seen[-1].seq if seen else 0
            async with aclosing(rng.choice((log, elsewhere)).follow(acme, fence.thread_id, since=since)) as batches:
                for _ in range(rng.randrange(1, 6)):
                    seen += await anext(batches)
                    await asyncio.sleep(rng.choice((0, 0, 0.01, 0.1)))
                    if seen[-1].name == END:
                        break
        return seen

    async with asyncio.TaskGroup() as group:
        readers = [[group.create_task(read(fence, Random(random.random()))) for _ in range(3)] for fence in fences]
        for fence, ledger in zip(fences, ledgers, strict=True):
            group.create_task(write(fence, ledger, Random(random.random())))
    for ledger, of_thread in zip(ledgers, readers, strict=True):
        for reader in of_thread:
            assert [event.data for event in reader.result()] == ledger
            assert [event.seq for event in reader.result()] == list(range(1, len(ledger) + 1))

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from agents.events import batches as event_batches
from agents.events import log as event_log
from agents.events.log import END, EventLog, expire
from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from graphs.fence import Fence
from tests.agents.appending import append
from tests.agents.event_threads import add_run, add_thread, counted_reads, end_run, looked, opened_log, stored, values
from tests.until import until


@pytest.fixture
async def log(clone: EmbeddedServers) -> AsyncIterator[EventLog]:
    async with opened_log(clone) as opened:
        yield opened


@pytest.fixture
async def elsewhere(clone: EmbeddedServers) -> AsyncIterator[EventLog]:
    """The log in another process."""
    async with opened_log(clone) as opened:
        yield opened


@pytest.fixture
async def fence(database: Database, acme: TenantContext) -> Fence:
    return await add_thread(database, acme)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return counted_reads(monkeypatch)


async def run_told(
    log: EventLog, ctx: TenantContext, run_id: UUID, fence: Fence, since: int | None = None
) -> list[str]:
    """Until the reader ends by itself."""
    async with asyncio.timeout(20):
        batches = log.follow_run(ctx, run_id, fence.thread_id, since=since)
        return [event.data for batch in [each async for each in batches] for event in batch]


async def test_the_reader_of_a_run_sees_only_its_events_and_ends_with_it(
    log: EventLog, elsewhere: EventLog, database: Database, acme: TenantContext, fence: Fence
) -> None:
    before, ours = [await add_run(database, acme, fence.thread_id) for _ in range(2)]
    await append(log, acme, fence, before, [*values("before"), (END, "end of before")])
    readers = [asyncio.create_task(run_told(each, acme, ours, fence)) for each in (log, elsewhere)]
    await append(log, acme, fence, ours, values("a"))
    await append(log, acme, fence, before, values("not ours"))
    await append(log, acme, fence, ours, [*values("b"), (END, "end")])
    assert await asyncio.gather(*readers) == [["a", "b", "end"]] * 2


async def test_a_run_that_has_ended_is_told_again_and_the_reader_ends(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_batches, "PAGE_EVENTS", 2)
    monkeypatch.setattr(event_log, "IDLE_SECONDS", 1000)
    run_id, later = [await add_run(database, acme, fence.thread_id) for _ in range(2)]
    for number in range(1, 7):
        await append(log, acme, fence, run_id, values(number))
    await append(log, acme, fence, run_id, [(END, "end")])
    await end_run(database, acme, run_id)
    await append(log, acme, fence, later, values("later"))
    assert await run_told(log, acme, run_id, fence) == ["1", "2", "3", "4", "5", "6", "end"]
    assert await run_told(log, acme, run_id, fence, since=4) == ["5", "6", "end"]
    assert await run_told(log, acme, run_id, fence, since=7) == []
    assert await run_told(log, acme, run_id, fence, since=1000) == []


async def test_the_reader_of_a_run_that_waits_for_its_turn_waits_too(
    log: EventLog, database: Database, acme: TenantContext, reads: list[int]
) -> None:
    fence = await add_thread(database, acme)
    run_id = await add_run(database, acme, fence.thread_id, "pending")
    async with database.tenant_transaction(acme) as connection:
        await connection.execute("DELETE FROM thread_heads WHERE thread_id = %s", (fence.thread_id,))
    reader = asyncio.create_task(run_told(log, acme, run_id, fence))
    await until(lambda: looked(reads, 1))
    log.wake(acme, fence.thread_id)
    await until(lambda: looked(reads, 2))
    assert not reader.done()
    await end_run(database, acme, run_id)
    log.wake(acme, fence.thread_id)
    assert await reader == []


async def test_a_run_that_ended_without_an_event_ends_its_readers(
    log: EventLog, elsewhere: EventLog, database: Database, acme: TenantContext, fence: Fence, reads: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(event_log, "IDLE_SECONDS", 1000)
    run_id = await add_run(database, acme, fence.thread_id, "pending")
    readers = [asyncio.create_task(run_told(each, acme, run_id, fence)) for each in (log, elsewhere)]
    await until(lambda: looked(reads, 2))
    await end_run(database, acme, run_id)
    log.wake(acme, fence.thread_id)
    assert await asyncio.gather(*readers) == [[], []]


async def test_the_reader_of_a_run_that_does_not_exist_ends_at_once(
    log: EventLog, acme: TenantContext, globex: TenantContext, database: Database, fence: Fence
) -> None:
    run_id = await add_run(database, acme, fence.thread_id)
    await append(log, acme, fence, run_id, values("ours"))
    assert await run_told(log, globex, run_id, fence) == []
    assert await run_told(log, acme, uuid4(), fence) == []


async def test_old_events_of_ended_runs_are_forgotten_and_their_readers_end(
    log: EventLog, database: Database, acme: TenantContext, globex: TenantContext, fence: Fence, owner_url: str
) -> None:
    ended, active = [await add_run(database, acme, fence.thread_id) for _ in range(2)]
    theirs = await add_thread(database, globex)
    await append(log, globex, theirs, uuid4(), values("theirs"))
    for run_id in (ended, active):
        await append(log, acme, fence, run_id, values("old"))
    await end_run(database, acme, ended)
    await append(log, acme, fence, active, values("newer"))
    async with database.tenant_transaction(acme) as connection:
        assert await expire(connection, acme, 3600) == 0
        assert await expire(connection, acme, 0) == 1
    assert [texts for _, _, texts in await stored(database, acme, fence.thread_id)] == [["old"], ["newer"]]
    assert len(await stored(database, globex, theirs.thread_id)) == 1
    assert await run_told(log, acme, ended, fence) == []

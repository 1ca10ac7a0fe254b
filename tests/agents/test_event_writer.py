import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import DataError

from agents.events import writer as event_writer
from agents.events.log import EventLog
from agents.events.writer import BATCH_EVENTS, MAX_BUFFERED, EventWriter
from core.cache import Cache
from core.db import Database
from core.embedded import EmbeddedServers
from core.errors import Unavailable
from core.tenancy import TenantContext
from graphs.fence import Fence, Fenced
from tests.agents.event_threads import add_run, add_thread, raise_fence, stored
from tests.agents.unreliable_database import Fault, UnreliableDatabase
from tests.until import until


@pytest.fixture
async def cache(servers: EmbeddedServers) -> AsyncIterator[Cache]:
    async with Cache(servers.redis_url) as opened:
        yield opened


@pytest.fixture
def log(database: Database, cache: Cache) -> EventLog:
    return EventLog(database, cache)


@pytest.fixture
async def fence(database: Database, acme: TenantContext) -> Fence:
    return await add_thread(database, acme)


async def writer(log: EventLog, database: Database, ctx: TenantContext, fence: Fence) -> EventWriter:
    return EventWriter(log, ctx, fence, await add_run(database, ctx, fence.thread_id))


async def events_of(database: Database, ctx: TenantContext, fence: Fence) -> list[str]:
    return [each for _, _, data in await stored(database, ctx, fence.thread_id) for each in data]


async def test_what_is_written_at_about_the_same_time_is_stored_together(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "FLUSH_SECONDS", 1)
    monkeypatch.setattr(event_writer, "MAX_FLUSH_SECONDS", 1)
    async with await writer(log, database, acme, fence) as events:
        for number in range(100):
            await events.write("values", str(number))
            await asyncio.sleep(0)

        async def all_are_stored() -> bool:
            return len(await events_of(database, acme, fence)) == 100

        await until(all_are_stored)
        assert await events.drain() == []
    assert [last_seq for last_seq, _, _ in await stored(database, acme, fence.thread_id)] == [100]


async def test_what_was_not_stored_is_drained_in_order(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await writer(log, database, acme, fence) as events:
        await events.write("values", "0")
        await until(lambda: events_of(database, acme, fence))
        monkeypatch.setattr(event_writer, "FLUSH_SECONDS", 60)
        monkeypatch.setattr(event_writer, "MAX_FLUSH_SECONDS", 60)
        for number in range(1, 10):
            await events.write("values", str(number))
        drained = await events.drain()
    assert await events_of(database, acme, fence) == ["0"]
    assert drained == [("values", str(number)) for number in range(1, 10)]


async def test_a_batch_has_a_bounded_number_of_events_and_characters(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "BATCH_CHARACTERS", 100)
    sizes = [1] * (BATCH_EVENTS // 2) + [60, 60, 300, 1, 1]
    async with await writer(log, database, acme, fence) as events:
        for size in sizes:
            await events.write("values", "x" * size)

        async def all_are_stored() -> bool:
            return len(await events_of(database, acme, fence)) == len(sizes)

        await until(all_are_stored)
    batches = [data for _, _, data in await stored(database, acme, fence.thread_id)]
    assert all(len(data) <= BATCH_EVENTS for data in batches)
    assert all(sum(map(len, data)) <= 100 for data in batches if len(data) > 1)
    assert ["x" * 300] in batches


async def test_a_run_waits_while_too_much_is_not_stored(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence
) -> None:
    async with await writer(log, database, acme, fence) as events:
        async with database.tenant_transaction(acme) as connection:
            await connection.execute("SELECT FROM thread_heads WHERE thread_id = %s FOR UPDATE", (fence.thread_id,))
            for number in range(MAX_BUFFERED):
                await events.write("values", str(number))
            more = asyncio.create_task(fill(events, MAX_BUFFERED))
            assert not (await asyncio.wait((more,), timeout=0.1))[0]
            assert len(events._waiting) <= MAX_BUFFERED
        await more
        drained = await events.drain()
    told = [*await events_of(database, acme, fence), *(data for _, data in drained)]
    assert told == [*map(str, range(MAX_BUFFERED)), *map(str, range(MAX_BUFFERED))]


async def fill(events: EventWriter, count: int) -> None:
    for number in range(count):
        await events.write("values", str(number))


async def test_a_run_that_was_taken_over_is_told_so_and_stores_nothing_more(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence
) -> None:
    async with await writer(log, database, acme, fence) as events:
        await events.write("values", "ours")
        await until(lambda: events_of(database, acme, fence))
        await raise_fence(database, acme, fence)
        with pytest.raises(Fenced):
            while True:
                await events.write("values", "too late")
                await asyncio.sleep(0)
        with pytest.raises(Fenced):
            await events.drain()
    assert await events_of(database, acme, fence) == ["ours"]


async def test_a_run_that_waits_for_room_is_told_when_it_was_taken_over(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence
) -> None:
    async with await writer(log, database, acme, fence) as events:
        async with database.tenant_transaction(acme) as connection:
            await connection.execute(
                "UPDATE thread_heads SET fence = fence + 1 WHERE thread_id = %s", (fence.thread_id,)
            )
            waiting = asyncio.create_task(fill(events, 3 * MAX_BUFFERED))
            await asyncio.wait((waiting,), timeout=0.05)
        with pytest.raises(Fenced):
            await waiting


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.lists(st.sampled_from(["none", "dies before the commit", "commits unheard", "away"]), max_size=8),
    count=st.integers(1, 20),
)
async def test_whatever_happens_to_a_commit_no_event_is_lost_or_doubled(
    database: Database, cache: Cache, acme: TenantContext, monkeypatch: pytest.MonkeyPatch,
    faults: list[Fault], count: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(event_writer, "FLUSH_SECONDS", 0)
    monkeypatch.setattr(event_writer, "RETRY_SECONDS", 0)
    fence = await add_thread(database, acme)
    log = EventLog(UnreliableDatabase(database, faults), cache)  # type: ignore[arg-type]
    async with await writer(log, database, acme, fence) as events:
        for number in range(count):
            await events.write("values", str(number))
            await asyncio.sleep(0.001 * (number % 3))
        drained = await events.drain()
    told = [*await events_of(database, acme, fence), *(data for _, data in drained)]
    assert told == [str(number) for number in range(count)]
    batches = await stored(database, acme, fence.thread_id)
    assert await EventLog(database, cache).head(acme, fence.thread_id) == sum(len(data) for _, _, data in batches)


async def test_a_database_that_stays_away_ends_the_run(
    database: Database, cache: Cache, acme: TenantContext, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "PATIENCE_SECONDS", 0.2)
    log = EventLog(UnreliableDatabase(database, ["away"] * 1000), cache)  # type: ignore[arg-type]
    async with await writer(log, database, acme, fence) as events:
        await events.write("values", "0")
        with pytest.raises(Unavailable):
            await until(lambda: events.write("values", "1"))


async def test_a_defect_while_storing_reaches_the_run(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence
) -> None:
    async with await writer(log, database, acme, fence) as events:
        await events.write("values", "Postgres stores no \0")
        with pytest.raises(DataError):
            await until(lambda: events.write("values", "1"))

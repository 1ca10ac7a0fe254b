import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from uuid import uuid4

import pytest
from psycopg import AsyncConnection

from agents.events import batches as event_batches
from agents.events import log as event_log
from agents.events.batches import Page, numbered
from agents.events.follower import HANDED_BATCHES, Follower
from agents.events.log import Event, EventLog
from core.cache import Cache, tenant_key
from core.db import Database
from core.embedded import EmbeddedServers
from core.errors import Unavailable
from core.tenancy import TenantContext
from graphs.fence import Fence, Fenced
from tests.agents.appending import append
from tests.agents.event_threads import (
    add_thread,
    counted_reads,
    looked,
    opened_log,
    raise_fence,
    stored,
    values,
)
from tests.agents.unreliable_database import UnreliableDatabase
from tests.until import until

DEAD_URL = "redis://127.0.0.1:1"


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
async def cache(clone: EmbeddedServers) -> AsyncIterator[Cache]:
    async with Cache(clone.redis_url) as opened:
        yield opened


@pytest.fixture
async def fence(database: Database, acme: TenantContext) -> Fence:
    return await add_thread(database, acme)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return counted_reads(monkeypatch)


async def take(batches: AsyncGenerator[list[Event]], count: int) -> list[Event]:
    """At least `count` events, and the reader stays open."""
    events: list[Event] = []
    while len(events) < count:
        events += await anext(batches)
    return events


def data(events: list[Event]) -> list[str]:
    return [event.data for event in events]


async def test_events_are_numbered_from_one_without_gaps_whatever_run_they_are_of(
    log: EventLog, acme: TenantContext, fence: Fence
) -> None:
    first, second = uuid4(), uuid4()
    assert await log.head(acme, fence.thread_id) == 0
    assert await append(log, acme, fence, first, values("a", "b")) == 2
    assert await append(log, acme, fence, second, [("values|child:1", '{"ü": "\\u0000"}')]) == 3
    async with aclosing(log.follow(acme, fence.thread_id, since=0)) as batches:
        assert await take(batches, 3) == [
            Event(1, first, "values", "a"),
            Event(2, first, "values", "b"),
            Event(3, second, "values|child:1", '{"ü": "\\u0000"}'),
        ]
    assert await log.head(acme, fence.thread_id) == 3


async def test_a_reader_goes_on_behind_any_event(log: EventLog, acme: TenantContext, fence: Fence) -> None:
    for batch in (values(1, 2, 3), values(4), values(5, 6)):
        await append(log, acme, fence, uuid4(), batch)
    for since in range(6):
        async with aclosing(log.follow(acme, fence.thread_id, since=since)) as batches:
            events = await take(batches, 6 - since)
        assert [event.seq for event in events] == list(range(since + 1, 7))
        assert data(events) == [str(seq) for seq in range(since + 1, 7)]


async def test_who_was_overtaken_appends_nothing(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence
) -> None:
    newer = await raise_fence(database, acme, fence)
    with pytest.raises(Fenced):
        await append(log, acme, fence, uuid4(), values("late"))
    assert await append(log, acme, newer, uuid4(), values("ours")) == 1
    assert [texts for _, _, texts in await stored(database, acme, fence.thread_id)] == [["ours"]]


async def test_a_reader_beside_the_writer_needs_no_query(
    log: EventLog, acme: TenantContext, fence: Fence, reads: list[int]
) -> None:
    async with aclosing(log.follow(acme, fence.thread_id, since=0)) as batches:
        first = asyncio.create_task(anext(batches))
        await until(lambda: looked(reads, 1))
        looks = len(reads)
        for number in range(50):
            await append(log, acme, fence, uuid4(), values(number))
            batch = await (first if number == 0 else anext(batches))
            assert [(event.seq, event.data) for event in batch] == [(number + 1, str(number))]
        assert len(reads) <= looks + 1


async def test_a_slow_reader_keeps_few_batches_and_misses_none(
    log: EventLog, acme: TenantContext, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_batches, "PAGE_EVENTS", 7)
    async with aclosing(log.follow(acme, fence.thread_id, since=0)) as batches:
        await append(log, acme, fence, uuid4(), values(0))
        events = await anext(batches)
        for number in range(1, 100):
            await append(log, acme, fence, uuid4(), values(number))
        (follower,) = next(iter(log._followers.values()))
        assert len(follower._handed) <= HANDED_BATCHES
        events += await take(batches, 99)
    assert data(events) == [str(number) for number in range(100)]
    assert not log._followers


async def test_a_page_is_bounded_in_events_and_in_bytes(
    log: EventLog, acme: TenantContext, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_batches, "PAGE_EVENTS", 10)
    monkeypatch.setattr(event_batches, "PAGE_BYTES", 1000)
    monkeypatch.setattr(event_log, "IDLE_SECONDS", 1000)
    for batch in (
        values(*range(4)),
        values(*range(4)),
        values(*range(4)),
        values("é" * 300),
        values("é" * 300),
        values("last"),
    ):
        await append(log, acme, fence, uuid4(), batch)
    async with aclosing(log.follow(acme, fence.thread_id, since=0)) as batches:
        assert [len(await anext(batches)) for _ in range(3)] == [12, 2, 1]


async def test_a_reader_in_another_process_is_woken(
    log: EventLog, elsewhere: EventLog, acme: TenantContext, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than this test may take: it is not by polling that it sees.
    monkeypatch.setattr(event_log, "IDLE_SECONDS", 1000)
    monkeypatch.setattr(event_log, "POLL_SECONDS", (1000,))
    async with aclosing(elsewhere.follow(acme, fence.thread_id, since=0)) as batches:
        for number in range(20):
            await append(log, acme, fence, uuid4(), values(number))
            assert data(await anext(batches)) == [str(number)]


def test_a_wake_up_for_what_a_reader_has_seen_makes_it_do_nothing() -> None:
    follower = Follower(since=4)
    assert follower.begin_reading() == 4
    follower.end_reading(Page([], upto=5, more=False, run_active=False))
    follower.hear("5")
    assert not follower.must_read
    follower.hear("6")
    assert follower.must_read


async def test_of_several_wake_ups_one_is_sent_and_it_is_the_one_that_says_most(
    log: EventLog, cache: Cache, acme: TenantContext, fence: Fence
) -> None:
    heard: list[str | None] = []

    async def hears(last: str | None) -> bool:
        return heard[-1:] == [last]

    with cache.heard(tenant_key(acme, "thread", str(fence.thread_id)), heard.append):
        await until(lambda: hears(None))
        for newest in (1, 2, 3):
            log.announce(acme, fence.thread_id, numbered(newest, uuid4(), values(newest)))
        await until(lambda: hears("3"))
        log.wake(acme, fence.thread_id)
        log.announce(acme, fence.thread_id, numbered(4, uuid4(), values(4)))
        await until(lambda: hears(""))
    assert heard == [None, "3", ""]


async def test_without_valkey_readers_poll(
    log: EventLog, database: Database, acme: TenantContext, fence: Fence
) -> None:
    async with (
        Cache(DEAD_URL) as dead,
        aclosing(EventLog(database, dead).follow(acme, fence.thread_id, since=0)) as batches,
    ):
        for number in range(3):
            await append(log, acme, fence, uuid4(), values(number))
            assert data(await anext(batches)) == [str(number)]


async def test_a_writer_whose_wake_up_was_lost_is_heard_all_the_same(
    elsewhere: EventLog, database: Database, acme: TenantContext, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "IDLE_SECONDS", 0.05)
    async with Cache(DEAD_URL) as dead, aclosing(elsewhere.follow(acme, fence.thread_id, since=0)) as batches:
        mute = EventLog(database, dead)
        for number in range(3):
            await append(mute, acme, fence, uuid4(), values(number))
            assert data(await anext(batches)) == [str(number)]


async def test_another_tenant_sees_nothing_of_a_thread_even_under_the_same_id(
    log: EventLog, elsewhere: EventLog, database: Database, acme: TenantContext, globex: TenantContext, fence: Fence
) -> None:
    theirs = await add_thread(database, globex, fence.thread_id)
    async with (
        aclosing(log.follow(globex, fence.thread_id, since=0)) as here,
        aclosing(elsewhere.follow(globex, fence.thread_id, since=0)) as there,
    ):
        waiting = [asyncio.ensure_future(anext(batches)) for batches in (here, there)]
        for number in range(5):
            await append(log, acme, fence, uuid4(), values(number))
        log.wake(globex, fence.thread_id)
        await append(log, globex, theirs, uuid4(), values("theirs"))
        for first in await asyncio.gather(*waiting):
            assert [(event.seq, event.data) for event in first] == [(1, "theirs")]
    assert await log.head(globex, fence.thread_id) == 1


async def test_a_reader_that_waits_holds_no_connection(log: EventLog, acme: TenantContext, fence: Fence) -> None:
    readers = [log.follow(acme, fence.thread_id, since=0) for _ in range(20)]
    waiting = [asyncio.ensure_future(anext(batches)) for batches in readers]
    async with asyncio.timeout(5):
        await append(log, acme, fence, uuid4(), values("for all"))
        assert [data(batch) for batch in await asyncio.gather(*waiting)] == [["for all"]] * 20
    for batches in readers:
        await batches.aclose()


async def test_readers_survive_a_loss_of_every_database_connection(
    log: EventLog, acme: TenantContext, fence: Fence, owner_url: str
) -> None:
    async with aclosing(log.follow(acme, fence.thread_id, since=0)) as batches:
        await append(log, acme, fence, uuid4(), values("before"))
        assert data(await anext(batches)) == ["before"]
        await end_backends(owner_url)
        await append(log, acme, fence, uuid4(), values("after"))
        assert data(await anext(batches)) == ["after"]
    await end_backends(owner_url)
    async with aclosing(log.follow(acme, fence.thread_id, since=0)) as batches:
        assert data(await take(batches, 2)) == ["before", "after"]


async def test_a_reader_waits_for_a_database_that_is_away(
    log: EventLog,
    database: Database,
    cache: Cache,
    acme: TenantContext,
    fence: Fence,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_log, "POLL_SECONDS", (0.01,))
    await append(log, acme, fence, uuid4(), values("there"))
    recovering = EventLog(UnreliableDatabase(database, ["away"] * 3), cache)  # type: ignore[arg-type]
    async with aclosing(recovering.follow(acme, fence.thread_id, since=0)) as batches:
        assert data(await anext(batches)) == ["there"]
    monkeypatch.setattr(event_log, "PATIENCE_SECONDS", 0.1)
    lost = EventLog(UnreliableDatabase(database, ["away"] * 1000), cache)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await anext(lost.follow(acme, fence.thread_id, since=0))


async def end_backends(owner_url: str) -> None:
    async with await AsyncConnection.connect(owner_url, autocommit=True) as owner:
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = 'atrium_app'"
        )

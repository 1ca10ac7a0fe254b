import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID, uuid4

import pytest

from core.cache import WAKEUPS_LOST, Cache, tenant_key
from core.embedded import EmbeddedServers
from core.errors import Unavailable
from core.tenancy import Role, TenantContext

DEAD_URL = "redis://127.0.0.1:1"


@pytest.fixture
async def cache(servers: EmbeddedServers) -> AsyncIterator[Cache]:
    async with Cache(servers.redis_url) as opened:
        yield opened


def lost(side: str) -> float:
    value: float = WAKEUPS_LOST.labels(side)._value.get()
    return value


def test_every_key_carries_its_tenant_as_hash_tag() -> None:
    tenant = UUID(int=7)
    expected = "atrium:{00000000-0000-0000-0000-000000000007}:documents:x"
    assert tenant_key(tenant, "documents", "x") == expected
    assert tenant_key(TenantContext(tenant, uuid4(), Role.VIEWER), "documents", "x") == expected


async def test_it_answers_a_ping(cache: Cache) -> None:
    await cache.ping()


async def test_a_dead_valkey_is_unavailable() -> None:
    async with Cache(DEAD_URL) as cache:
        with pytest.raises(Unavailable):
            await cache.ping()


async def test_a_silent_valkey_costs_no_more_than_the_deadline() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Cache(f"redis://127.0.0.1:{port}") as cache:
            started = time.monotonic()
            with pytest.raises(Unavailable):
                await cache.ping()
            assert time.monotonic() - started < 0.4


async def test_a_script_runs_with_its_keys_and_arguments(cache: Cache) -> None:
    assert await cache.run_script("return {KEYS[1], ARGV[1]}", ["k"], [3]) == ["k", "3"]
    assert await cache.run_script("return {KEYS[1], ARGV[1]}", ["l"], [4]) == ["l", "4"]


async def test_a_subscriber_hears_what_is_published_after_its_first_item(cache: Cache) -> None:
    key = tenant_key(uuid4(), "documents")
    async with aclosing(cache.subscribe(key, timeout_seconds=30)) as wakeups:
        assert await anext(wakeups) is None
        await cache.publish(key, "ready")
        assert await anext(wakeups) == "ready"


async def test_a_subscriber_does_not_hear_another_tenant(cache: Cache) -> None:
    ours, theirs = tenant_key(uuid4(), "documents"), tenant_key(uuid4(), "documents")
    async with aclosing(cache.subscribe(ours, timeout_seconds=30)) as wakeups:
        await anext(wakeups)
        await cache.publish(theirs, "theirs")
        await cache.publish(ours, "ours")
        assert await anext(wakeups) == "ours"


async def test_silence_wakes_the_subscriber_and_does_not_end_it(cache: Cache) -> None:
    key = tenant_key(uuid4(), "documents")
    # Longer than a command may take: waiting for news is no failure.
    async with aclosing(cache.subscribe(key, timeout_seconds=0.3)) as wakeups:
        assert [await anext(wakeups), await anext(wakeups)] == [None, None]
        before = lost("subscribe")
        await cache.publish(key, "late")
        assert await anext(wakeups) == "late"
        assert lost("subscribe") == before


async def test_without_valkey_subscribers_keep_looking_and_the_loss_is_counted() -> None:
    before = lost("subscribe")
    async with Cache(DEAD_URL) as cache, aclosing(cache.subscribe("k", timeout_seconds=0.01)) as wakeups:
        assert [await anext(wakeups) for _ in range(3)] == [None, None, None]
    assert lost("subscribe") == before + 3


async def test_without_valkey_publishing_fails_open_and_is_counted() -> None:
    before = lost("publish")
    async with Cache(DEAD_URL) as cache:
        await cache.publish("k", "ready")
    assert lost("publish") == before + 1


async def test_many_subscribers_leave_room_for_commands(cache: Cache) -> None:
    key = tenant_key(uuid4(), "documents")
    subscriptions = [cache.subscribe(key, timeout_seconds=30) for _ in range(60)]
    try:
        for subscription in subscriptions:
            await anext(subscription)
        await cache.ping()
    finally:
        for subscription in subscriptions:
            await subscription.aclose()

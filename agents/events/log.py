"""The durable log of a thread's events: gapless numbers, any number of readers, from any process."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from time import monotonic
from typing import Final
from uuid import UUID

from agents.events import batches as event_batches
from agents.events.batches import END, Event, Page, expire
from agents.events.follower import Follower
from core.cache import Cache, tenant_key
from core.db import Database
from core.errors import Unavailable
from core.tenancy import TenantContext

__all__ = ["END", "Event", "EventLog", "expire"]

# While wake-ups can be heard, looking is only for one that its sender could not send.
IDLE_SECONDS: Final = 5.0
POLL_SECONDS: Final = (0.25, 0.5, 1.0)
CONFIRM_SECONDS: Final = 0.1
# How long a reader waits for a database that is away.
PATIENCE_SECONDS: Final = 30.0


class EventLog:
    """One per process. Whatever a reader sees is stored; `writers` counts the executions that write to it."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self.database = database
        self.writers = 0
        self._cache = cache
        self._followers: dict[str, list[Follower]] = {}
        self._unsent: dict[str, str] = {}
        self._sending: asyncio.Task[None] | None = None

    def announce(self, ctx: TenantContext, thread_id: UUID, batch: list[Event]) -> None:
        """Hands a committed batch to the readers in this process and wakes those in others."""
        key = _key(ctx, thread_id)
        for follower in self._followers.get(key, ()):
            follower.hand(batch)
        self._send(key, str(batch[-1].seq))

    def wake(self, ctx: TenantContext, thread_id: UUID) -> None:
        """Lets readers look again: a run has ended without an event."""
        key = _key(ctx, thread_id)
        for follower in self._followers.get(key, ()):
            follower.hear(None)
        self._send(key, "")

    async def head(self, ctx: TenantContext, thread_id: UUID) -> int:
        """The number of the thread's newest event; 0 when there is none."""
        async with self.database.tenant_transaction(ctx) as connection:
            return await event_batches.head(connection, ctx, thread_id)

    async def follow(self, ctx: TenantContext, thread_id: UUID, *, since: int) -> AsyncGenerator[list[Event]]:
        """All events after number `since`, each once and in order, without end; leave it through `aclosing`.

        Holds no connection while it waits. Raises `Unavailable` when the database stays away.
        """
        async with aclosing(self._follow(ctx, thread_id, since, None)) as batches:
            async for batch in batches:
                yield batch

    async def follow_run(
        self, ctx: TenantContext, run_id: UUID, thread_id: UUID, *, since: int | None, opening: Sequence[Event] = ()
    ) -> AsyncGenerator[list[Event]]:
        """Like `follow`, but of one run, and not without end: it returns when the run has ended and all is told.

        `opening` is what comes after `since`, from whoever has just stored it.
        """
        if opening:
            yield list(opening)
            since = opening[-1].seq
        async with aclosing(self._follow(ctx, thread_id, since or 0, run_id)) as batches:
            async for batch in batches:
                yield batch
                if batch[-1].name == END:
                    return

    async def _follow(
        self, ctx: TenantContext, thread_id: UUID, since: int, run_id: UUID | None
    ) -> AsyncGenerator[list[Event]]:
        with self._joined(_key(ctx, thread_id), Follower(since)) as follower:
            if self._cache.listening:
                # One look is enough when it comes after Valkey has confirmed that we hear.
                await follower.news(CONFIRM_SECONDS)
            quiet = 0
            while True:
                if batch := follower.take():
                    if run_id is None or batch[0].run_id == run_id:
                        yield batch
                elif follower.must_read:
                    page = await self._read(ctx, thread_id, follower, run_id)
                    if page.events:
                        yield page.events
                    if run_id is not None and not page.run_active and not page.more:
                        return
                else:
                    quiet = 0 if await follower.news(self._look_after(quiet)) else quiet + 1

    @contextmanager
    def _joined(self, key: str, follower: Follower) -> Iterator[Follower]:
        self._followers.setdefault(key, []).append(follower)
        try:
            with self._cache.heard(key, follower.hear):
                yield follower
        finally:
            self._followers[key].remove(follower)
            if not self._followers[key]:
                del self._followers[key]

    async def _read(self, ctx: TenantContext, thread_id: UUID, follower: Follower, run_id: UUID | None) -> Page:
        since = follower.begin_reading()
        give_up = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                async with self.database.tenant_transaction(ctx) as connection:
                    page = await event_batches.read(connection, ctx, thread_id, since=since, run_id=run_id)
            except Unavailable:
                if monotonic() > give_up:
                    raise
                await asyncio.sleep(POLL_SECONDS[-1])
            else:
                follower.end_reading(page)
                return page

    def _look_after(self, quiet: int) -> float:
        """Seconds until a reader that was woken by nothing for `quiet` looks looks again."""
        return IDLE_SECONDS if self._cache.listening else POLL_SECONDS[min(quiet, len(POLL_SECONDS) - 1)]

    def _send(self, key: str, message: str) -> None:
        """Off the writer's path; of several messages for a thread only the newest goes out."""
        # An empty one says more than a number: look, whatever you have seen.
        if self._unsent.get(key) != "":
            self._unsent[key] = message
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._unsent:
            messages, self._unsent = self._unsent, {}
            await self._cache.publish_all(messages)


def _key(ctx: TenantContext, thread_id: UUID) -> str:
    return tenant_key(ctx, "thread", str(thread_id))

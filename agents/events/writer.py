"""Writes the events of one execution to the log, a few times a second instead of one by one."""

import asyncio
from time import monotonic
from typing import Final, Self
from uuid import UUID

from agents.events import batches as event_batches
from agents.events.log import EventLog
from core.errors import Unavailable
from core.tenancy import TenantContext
from graphs.fence import Fence

FLUSH_SECONDS: Final = 0.05
# Of many that write at once each does so less often: a process stores a few hundred batches a second at most.
MAX_FLUSH_SECONDS: Final = 0.15
UNHURRIED_WRITERS: Final = 10
BATCH_EVENTS: Final = 500
BATCH_CHARACTERS: Final = 1 << 18
# What may wait to be stored before the run has to.
MAX_BUFFERED: Final = 2_000
MAX_BUFFERED_CHARACTERS: Final = 1 << 22
# How long a database may be away before the run is left to another claim.
PATIENCE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 0.1
MAX_RETRY_SECONDS: Final = 1.0


class EventWriter:
    """Stores together what is written within `FLUSH_SECONDS`; what `drain` returns goes with the run's end."""

    _flushing: asyncio.Task[None]

    def __init__(self, log: EventLog, ctx: TenantContext, fence: Fence, run_id: UUID) -> None:
        self._log = log
        self._ctx = ctx
        self._fence = fence
        self._run_id = run_id
        self._waiting: list[tuple[str, str]] = []
        self._characters = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._storing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._log.writers += 1
        self._flushing = asyncio.create_task(self._flush())
        self._flushing.add_done_callback(lambda _: self._room.set())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._log.writers -= 1
        await self._stop()

    async def write(self, name: str, data: str) -> None:
        """Waits while too much does. Raises `Fenced`, or `Unavailable` when the database stays away."""
        while self._full and not self._flushing.done():
            self._room.clear()
            await self._room.wait()
        if self._flushing.done():
            self._flushing.result()
        self._waiting.append((name, data))
        self._characters += len(data)
        self._news.set()

    async def drain(self) -> list[tuple[str, str]]:
        """Stops, and returns what is not stored yet. Raises like `write`."""
        # Not in the middle of a batch.
        async with self._storing:
            await self._stop()
        if not self._flushing.cancelled():
            self._flushing.result()
        waiting, self._waiting = self._waiting, []
        return waiting

    @property
    def _full(self) -> bool:
        return len(self._waiting) >= MAX_BUFFERED or self._characters >= MAX_BUFFERED_CHARACTERS

    @property
    def _pause(self) -> float:
        return min(MAX_FLUSH_SECONDS, FLUSH_SECONDS * max(1.0, self._log.writers / UNHURRIED_WRITERS))

    async def _stop(self) -> None:
        self._flushing.cancel()
        await asyncio.wait((self._flushing,))

    async def _flush(self) -> None:
        while True:
            await self._news.wait()
            if len(self._waiting) < BATCH_EVENTS and self._characters < BATCH_CHARACTERS:
                await asyncio.sleep(self._pause)
            async with self._storing:
                await self._store(self._take())
            if not self._waiting:
                self._news.clear()

    def _take(self) -> list[tuple[str, str]]:
        """At least one event; the next ones while they fit."""
        count = characters = 0
        for _, data in self._waiting:
            if count == BATCH_EVENTS or (count and characters + len(data) > BATCH_CHARACTERS):
                break
            count += 1
            characters += len(data)
        batch = self._waiting[:count]
        del self._waiting[:count]
        self._characters -= characters
        self._room.set()
        return batch

    async def _store(self, batch: list[tuple[str, str]]) -> None:
        """Tries again while the database is away; a batch whose commit was not answered is not stored twice."""
        give_up = monotonic() + PATIENCE_SECONDS
        pause = RETRY_SECONDS
        newest = after = None
        database = self._log.database
        while True:
            # Whether an earlier attempt was stored is counted, which a pipeline cannot before it ends.
            begin = database.tenant_pipeline if after is None else database.tenant_transaction
            try:
                async with begin(self._ctx) as connection:
                    newest = await event_batches.append(
                        connection, self._ctx, self._fence, self._run_id, batch, after=after
                    )
            except Unavailable:
                if monotonic() > give_up:
                    raise
                if newest is not None:
                    after = newest - len(batch)
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_RETRY_SECONDS)
            else:
                events = event_batches.numbered(newest, self._run_id, batch)
                self._log.announce(self._ctx, self._fence.thread_id, events)
                return

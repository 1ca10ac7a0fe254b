"""Executes runs in this process's event loop, and takes over those of processes that died."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import Final
from uuid import UUID, uuid4

from agents.execution.execution import Execution
from agents.execution.leases import Leases
from agents.runs import queue
from agents.runs.queue import Claim, Held
from agents.runs.runs import Run
from core.cache import Cache
from core.db import Database
from core.errors import Unavailable

log = logging.getLogger(__name__)

# Published, with no content, when a run was queued or is to be cancelled.
WORK: Final = "atrium:runs"
LOOK_SECONDS = 0.5
STOP_SECONDS = 10.0


class Executor:
    """At most `max_concurrent` runs at a time; `execution_of` makes a claim executable."""

    def __init__(
        self,
        database: Database,
        cache: Cache,
        execution_of: Callable[[Claim], Execution],
        *,
        max_concurrent: int,
    ) -> None:
        self.id = uuid4()
        self._database = database
        self._cache = cache
        self._execution_of = execution_of
        self._max_concurrent = max_concurrent
        self._accepting = 0
        self._running: dict[Claim, tuple[Execution, asyncio.Task[bool]]] = {}
        self._leases = Leases(database, self.id, self._running, self._heed)
        self._look = asyncio.Event()

    @asynccontextmanager
    async def working(self) -> AsyncIterator["Executor"]:
        """Looks for work until the block ends; then gives back what it could not finish."""
        async with self._leases.kept():
            loops = [asyncio.create_task(loop()) for loop in (self._listen, self._claim)]
            try:
                yield self
            finally:
                for loop in loops:
                    loop.cancel()
                await asyncio.gather(*loops, return_exceptions=True)
                await self._stop()

    @contextmanager
    def place(self, *, required: bool = False) -> Iterator[UUID | None]:
        """A place of this process, held while a run is accepted: the executor's id, or None when all are taken.

        Raises `Unavailable` when one is `required` and there is none.
        """
        if not self.has_room:
            if required:
                raise Unavailable(
                    "Atrium is answering as many questions as it can; try again in a moment.", code="overloaded"
                )
            yield None
            return
        self._accepting += 1
        try:
            yield self.id
        finally:
            was_full = not self.has_room
            self._accepting -= 1
            if was_full and self.has_room:
                self._look.set()

    def execute(self, claim: Claim, run: Run | None = None) -> None:
        """Starts a run that is this executor's; `run` when it was accepted here, with its first events."""
        execution = self._execution_of(claim)
        task = asyncio.create_task(execution.run(run))
        self._running[claim] = execution, task
        task.add_done_callback(lambda task: self._ended(claim, task))

    async def announce_work(self) -> None:
        """After a run was queued, or is to be cancelled: every executor looks at once."""
        self._look.set()
        await self._cache.publish(WORK, "")

    @property
    def has_room(self) -> bool:
        return len(self._running) + self._accepting < self._max_concurrent

    def _ended(self, claim: Claim, task: asyncio.Task[bool]) -> None:
        was_full = not self.has_room
        del self._running[claim]
        if was_full or task.cancelled() or task.result():
            self._look.set()

    async def _listen(self) -> None:
        async with aclosing(self._cache.subscribe(WORK, timeout_seconds=LOOK_SECONDS)) as wakes:
            async for _ in wakes:
                self._look.set()

    async def _claim(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            self._leases.renew_now()
            try:
                while self.has_room and (claim := await queue.claim(self._database, self.id)):
                    self.execute(claim)
            except Unavailable as error:
                log.warning("cannot look for runs: %s", error.code)
            except Exception:
                log.exception("could not claim a run")

    def _heed(self, asked: list[Claim], held: Held) -> None:
        """Stops the runs that are lost or to be cancelled."""
        for claim in asked:
            # It may have ended while its lease was renewed.
            if claim not in self._running:
                continue
            execution, _ = self._running[claim]
            key = (claim.run_id, claim.attempts)
            if key not in held:
                execution.abandon()
            elif (action := held[key]) is not None:
                execution.cancel(action)

    async def _stop(self) -> None:
        tasks = [task for _, task in self._running.values()]
        for execution, _ in list(self._running.values()):
            execution.abandon()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        with suppress(Unavailable):
            await queue.release(self._database, self.id)
            await self._cache.publish(WORK, "")

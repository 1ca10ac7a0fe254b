"""Renews an executor's leases in a thread: a graph that blocks the event loop loses no run of its process."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from threading import Event, Thread
from time import monotonic
from uuid import UUID

import psycopg

from agents.runs import queue
from agents.runs.queue import Claim, Held
from core.db import BlockingConnection, Database

log = logging.getLogger(__name__)

RENEW_SECONDS = queue.LEASE_SECONDS / 4
# Of one renewal: after it there is still time for another before a lease runs out.
TIMEOUT_SECONDS = 2.0
# A loop that was silent for so long is taken for dead: its runs are then anybody's.
BLOCKED_SECONDS = 30.0
LIFE_SECONDS = 1.0
STOP_SECONDS = 5.0


class Leases:
    """Those of `running`, whose claims may change at any time.

    `heed` is called in the loop with the claims that were to be renewed, and those which are still held.
    """

    def __init__(
        self,
        database: Database,
        executor: UUID,
        running: Collection[Claim],
        heed: Callable[[list[Claim], Held], None],
    ) -> None:
        self._database = database
        self._executor = executor
        self._running = running
        self._heed = heed
        self._alive_at = monotonic()
        self._due = Event()
        self._stopped = False

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Until the block ends; then they run out, or are released."""
        thread = Thread(target=self._keep, args=(asyncio.get_running_loop(),), name="leases", daemon=True)
        life = asyncio.create_task(self._show_life())
        thread.start()
        try:
            yield
        finally:
            life.cancel()
            self._stopped = True
            self._due.set()
            await asyncio.to_thread(thread.join, STOP_SECONDS)

    def renew_now(self) -> None:
        """For what was asked of the runs meanwhile; returns at once."""
        self._due.set()

    async def _show_life(self) -> None:
        while True:
            self._alive_at = monotonic()
            await asyncio.sleep(LIFE_SECONDS)

    def _keep(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopped:
            try:
                with self._database.connect_blocking("atrium-leases", timeout_seconds=TIMEOUT_SECONDS) as connection:
                    while not self._stopped:
                        self._renew(connection, loop)
                        self._wait()
            except psycopg.Error as error:
                log.warning("cannot renew leases: %s", type(error).__name__)
                self._wait()

    def _wait(self) -> None:
        self._due.wait(RENEW_SECONDS)
        self._due.clear()

    def _renew(self, connection: BlockingConnection, loop: asyncio.AbstractEventLoop) -> None:
        # A copy made in one step: the loop's thread starts and ends runs meanwhile.
        claims = list(self._running)
        if not claims:
            return
        if monotonic() - self._alive_at > BLOCKED_SECONDS:
            log.error("the event loop is blocked; its runs are left to other executors")
            return
        held = queue.renew(connection, self._executor, [claim.run_id for claim in claims])
        if not self._stopped:
            loop.call_soon_threadsafe(self._heed, claims, held)

"""Who makes the trouble: a plan drawn from a seed, and what was done of it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from agents.runs.queue import LEASE_SECONDS
from bench.chaos.claims import Blow, Outage
from bench.chaos.outages import Stores
from bench.chaos.processes import MODULES, Processes

Deed = Literal["kill", "freeze", "restart Postgres", "crash Postgres", "stop Valkey"]

# Documents are ingested beside the runs, by one process of four.
_SHARES = {"api-1": 3, "api-2": 3, "agents": 3, "ingest": 1}
_EXECUTORS = ("api-1", "api-2", "agents")
# Kills for each of the other deeds, of which there is at least one.
KILLS_PER_DEED = 40
FROZEN_SECONDS = LEASE_SECONDS + 2
VALKEY_SECONDS = 4.0
# What does not start is started again as a supervisor would.
SUPERVISE_SECONDS = 0.25


def plan(kills: int, draw: random.Random) -> list[Deed]:
    """In the order in which they are done."""
    others = max(1, kills // KILLS_PER_DEED)
    deeds: list[Deed] = ["kill"] * kills
    for deed in ("freeze", "restart Postgres", "crash Postgres", "stop Valkey"):
        deeds += [deed] * others
    draw.shuffle(deeds)
    return deeds


@dataclass(slots=True)
class Killer:
    processes: Processes
    stores: Stores
    draw: random.Random
    blows: list[Blow] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    done: list[Deed] = field(default_factory=list)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(self, deeds: list[Deed], seconds: float) -> None:
        """All of them, spread over so many seconds if they take no longer."""
        begun = asyncio.get_running_loop().time()
        # At any moment of their part of the time.
        moments = sorted(self.draw.uniform(0, seconds) for _ in deeds)
        supervision = asyncio.create_task(self._supervise())
        async with asyncio.TaskGroup() as lasting:
            for deed, moment in zip(deeds, moments, strict=True):
                await asyncio.sleep(begun + moment - asyncio.get_running_loop().time())
                await self._do(deed, lasting)
                self.done.append(deed)
        supervision.cancel()

    async def _do(self, deed: Deed, lasting: asyncio.TaskGroup) -> None:
        """What is `lasting` goes on while others are done, one at a time."""
        match deed:
            case "kill":
                names = [name for name in MODULES if name not in self.processes.frozen]
                (name,) = self.draw.choices(names, [_SHARES[name] for name in names])
                self._strike(name)
                self.processes.kill(name)
                self.processes.start(name)
            case "freeze":
                lasting.create_task(self._freeze())
            case "stop Valkey":
                lasting.create_task(self._stop_valkey())
            case "restart Postgres":
                await self._away(self.stores.restart_postgres)
            case "crash Postgres":
                await self._away(self.stores.crash_postgres)

    async def _freeze(self) -> None:
        """Past its lease; then it goes on as if nothing had been."""
        async with self._one_at_a_time:
            name = self.draw.choice(_EXECUTORS)
            self._strike(name)
            self.processes.freeze(name)
            await asyncio.sleep(FROZEN_SECONDS)
            self.processes.thaw(name)

    async def _stop_valkey(self) -> None:
        async with self._one_at_a_time:
            await asyncio.to_thread(self.stores.without_valkey, VALKEY_SECONDS)

    async def _away(self, outage: Callable[[], None]) -> None:
        began = datetime.now(UTC)
        await asyncio.to_thread(outage)
        self.outages.append(Outage(began, datetime.now(UTC)))

    async def _supervise(self) -> None:
        while True:
            self.processes.restart_ended()
            await asyncio.sleep(SUPERVISE_SECONDS)

    def _strike(self, name: str) -> None:
        self.blows.append(Blow(self.processes.label(name), datetime.now(UTC)))

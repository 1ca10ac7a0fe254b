"""A command's update belongs to its run: applied once whoever executes it, and undone with it."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from agents import starting
from agents.engine import Engine
from agents.runs import queue
from agents.runs.request import RunRequest
from agents.runs.runs import Run
from agents.state import access
from core.tenancy import TenantContext
from tests.agents.conftest import NewEngine
from tests.agents.gates import Gates
from tests.agents.scripted_model import ScriptedModel
from tests.until import until

WHOLE = ["a", "a:one", "a:two"]
COMMAND = RunRequest(command={"update": {"steps": ["u"]}, "goto": {"node": "two", "input": {"steps": ["u"]}}})


@pytest.fixture
def gates() -> Gates:
    return Gates()


@pytest.fixture
async def engine(new_engine: NewEngine, gates: Gates) -> Engine:
    return await new_engine(ScriptedModel(script=[]), gates.graphs())


async def steps(engine: Engine, ctx: TenantContext, thread_id: UUID) -> Any:
    return (await access.read(engine, ctx, thread_id))["values"]["steps"]


async def has_ended(engine: Engine, ctx: TenantContext, run: Run) -> None:
    followed = engine.log.follow_run(ctx, run.run_id, run.thread_id, since=run.events_after)
    async with asyncio.timeout(10):
        async for _ in followed:
            pass


@pytest.fixture
async def commanded(engine: Engine, acme: TenantContext, gates: Gates) -> Run:
    """A run of the command, in its first step, on a thread that an earlier run has left `WHOLE`."""
    gates.open["a"].set()
    asked = RunRequest(input={"steps": ["a"]})
    accepted = await starting.start(engine, acme, "gated", asked, thread_id=None)
    await has_ended(engine, acme, accepted.run)
    accepted = await starting.start(engine, acme, "gated", COMMAND, thread_id=accepted.run.thread_id)
    await asyncio.wait_for(gates.reached["u"].wait(), 10)
    return accepted.run


async def test_an_update_is_applied_once_though_two_executors_began_it(
    engine: Engine, acme: TenantContext, gates: Gates, commanded: Run
) -> None:
    gates.reached["u"].clear()
    ((execution, task),) = engine.executor._running.values()
    execution.abandon()
    await asyncio.wait({task})
    await queue.release(engine.database, engine.executor.id)
    await engine.executor.announce_work()
    await asyncio.wait_for(gates.reached["u"].wait(), 10)
    gates.open["u"].set()
    await has_ended(engine, acme, commanded)
    assert await steps(engine, acme, commanded.thread_id) == [*WHOLE, "u", "u:two"]


async def test_an_update_is_rolled_back_with_its_run(engine: Engine, acme: TenantContext, commanded: Run) -> None:
    await starting.cancel(engine, acme, commanded.thread_id, [commanded.run_id], "rollback")
    await has_ended(engine, acme, commanded)

    async def is_as_before() -> bool:
        return bool(await steps(engine, acme, commanded.thread_id) == WHOLE)

    await until(is_as_before)

"""Accepting a run: what it says first is stored with it, places are counted, and nothing is begun halfway."""

import asyncio
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import pytest

from agents import starting
from agents.engine import Engine
from agents.events.log import END, Event
from agents.runs import runs
from agents.runs.request import RunRequest
from agents.starting import Accepted
from core.errors import NotFound, Unavailable
from core.tenancy import TenantContext
from graphs.catalog.factories import factory
from graphs.catalog.loading import OwnGraph
from tests.agents.conftest import NewEngine
from tests.agents.gates import Gates
from tests.agents.scripted_model import ScriptedModel


@pytest.fixture
def gates() -> Gates:
    return Gates()


@pytest.fixture
async def engine(new_engine: NewEngine, gates: Gates) -> Engine:
    return await new_engine(ScriptedModel(script=[]), gates.graphs(), max_concurrent=2)


async def start(engine: Engine, ctx: TenantContext, name: str = "a", **options: Any) -> Accepted:
    asked = RunRequest(input={"steps": [name]})
    return await starting.start(engine, ctx, "gated", asked, thread_id=uuid4(), if_not_exists="create", **options)


async def told(engine: Engine, ctx: TenantContext, accepted: Accepted) -> list[Event]:
    run = accepted.run
    followed = engine.log.follow_run(ctx, run.run_id, run.thread_id, since=run.events_after, opening=accepted.opening)
    async with aclosing(followed) as batches:
        return [event async for batch in batches for event in batch]


async def test_the_first_events_come_with_the_run_and_once(engine: Engine, acme: TenantContext, gates: Gates) -> None:
    accepted = await start(engine, acme)
    assert [event.name for event in accepted.opening] == ["metadata"]
    gates.open["a"].set()
    events = await asyncio.wait_for(told(engine, acme, accepted), 10)
    assert events[: len(accepted.opening)] == accepted.opening
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.name for event in events].count("metadata") == 1
    assert events == await told(engine, acme, Accepted(accepted.run, None, []))


async def test_a_run_that_is_to_stream_nothing_begins_and_ends(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    gates.open["a"].set()
    asked = RunRequest(input={"steps": ["a"]}, stream_mode=())
    accepted = await starting.start(engine, acme, "gated", asked, thread_id=uuid4(), if_not_exists="create")
    events = await asyncio.wait_for(told(engine, acme, accepted), 10)
    assert [event.name for event in events] == ["metadata", END]


async def test_a_run_that_waits_says_nothing_yet(engine: Engine, acme: TenantContext, gates: Gates) -> None:
    accepted = await start(engine, acme, after_seconds=0.2)
    assert accepted.opening == []
    gates.open["a"].set()
    first, *_ = await asyncio.wait_for(told(engine, acme, accepted), 10)
    assert first.name == "metadata"


async def test_a_place_that_is_held_is_nobody_elses(engine: Engine, acme: TenantContext) -> None:
    with engine.executor.place(), engine.executor.place() as second:
        assert second == engine.executor.id
        with engine.executor.place() as third:
            assert third is None
        with pytest.raises(Unavailable):
            await start(engine, acme, place_required=True)
        assert (await start(engine, acme)).claim is None
    with engine.executor.place(required=True) as free:
        assert free == engine.executor.id


async def test_a_run_that_found_no_place_is_executed_when_one_is_free(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    gates.open["a"].set()
    with engine.executor.place(), engine.executor.place():
        waiting = await start(engine, acme)
    assert (await asyncio.wait_for(told(engine, acme, waiting), 10))[-1].name == END


async def test_a_run_from_a_checkpoint_that_is_not_there_does_not_begin(engine: Engine, acme: TenantContext) -> None:
    asked = RunRequest(input={"steps": ["a"]}, checkpoint={"checkpoint_id": str(uuid4()), "checkpoint_ns": ""})
    with pytest.raises(NotFound, match="no such checkpoint"):
        await starting.start(engine, acme, "gated", asked, thread_id=uuid4(), if_not_exists="create")


async def test_of_many_runs_all_begin_or_none(engine: Engine, acme: TenantContext, gates: Gates) -> None:
    asked = RunRequest(input={"steps": ["a"]})
    with pytest.raises(NotFound):
        await starting.start_all(
            engine, acme, [("gated", asked, {"thread_id": None}), ("nobody", asked, {"thread_id": None})]
        )
    async with engine.database.tenant_transaction(acme) as connection:
        assert await runs.unfinished(connection, acme, "all") == {}
    gates.open["a"].set()
    begun = await starting.start_all(engine, acme, [("gated", asked, {"thread_id": None})] * 2)
    for run in begun:
        assert (await asyncio.wait_for(told(engine, acme, Accepted(run, None, [])), 10))[-1].name == END


async def test_a_run_whose_graph_cannot_be_opened_is_rolled_back_all_the_same(
    new_engine: NewEngine, acme: TenantContext
) -> None:
    opening = asyncio.Event()
    go_on = asyncio.Event()

    async def unopenable() -> Any:
        opening.set()
        await go_on.wait()
        raise RuntimeError("out of order")

    engine = await new_engine(ScriptedModel(script=[]), {"gated": OwnGraph(factory(unopenable))})
    run = (await start(engine, acme)).run
    await asyncio.wait_for(opening.wait(), 10)
    ((execution, task),) = engine.executor._running.values()
    execution._asked = "rollback"
    go_on.set()
    await asyncio.wait_for(task, 10)
    async with engine.database.tenant_transaction(acme) as connection:
        with pytest.raises(NotFound):
            await runs.get(connection, acme, run.thread_id, run.run_id)

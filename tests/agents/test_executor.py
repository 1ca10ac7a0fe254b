"""A run is executed by one process at a time, goes on elsewhere when that one dies, and ends in exactly one way."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents import starting
from agents.engine import Engine
from agents.events.log import END
from agents.execution.execution import MAX_ATTEMPTS, Execution, Workshop
from agents.execution.executor import Executor
from agents.runs import queue, runs
from agents.runs.request import RunRequest
from agents.runs.runs import MultitaskStrategy, Run
from agents.threads import threads
from core.db import Database
from core.errors import Conflict, NotFound, Unavailable
from core.tenancy import TenantContext
from tests.agents.conftest import NewEngine
from tests.agents.gates import Gates
from tests.agents.scripted_model import ScriptedModel
from tests.until import until

WHOLE = ["a", "a:one", "a:two"]


@pytest.fixture
def gates() -> Gates:
    return Gates()


@pytest.fixture
async def engine(new_engine: NewEngine, gates: Gates) -> Engine:
    return await new_engine(ScriptedModel(script=[]), gates.graphs())


@pytest.fixture
async def other(new_engine: NewEngine, gates: Gates) -> Engine:
    """Another process on the same stores."""
    return await new_engine(ScriptedModel(script=[]), gates.graphs())


def frozen(engine: Engine) -> Executor:
    """It executes what it is given, renews no lease and hears nothing, like a process that was stopped."""
    workshop = Workshop(engine.database, engine.log, engine.catalog, engine.embeddings, timeout_seconds=20)
    return Executor(engine.database, engine.cache, lambda claim: Execution(workshop, claim), max_concurrent=4)


async def start(
    engine: Engine,
    ctx: TenantContext,
    name: str,
    thread_id: UUID,
    *,
    strategy: MultitaskStrategy = "enqueue",
    after_seconds: float = 0,
) -> Run:
    return (
        await starting.start(
            engine,
            ctx,
            "gated",
            RunRequest(input={"steps": [name]}),
            thread_id=thread_id,
            if_not_exists="create",
            multitask_strategy=strategy,
            after_seconds=after_seconds,
        )
    ).run


async def execute_frozen(
    engine: Engine, ctx: TenantContext, name: str, thread_id: UUID
) -> tuple[Run, asyncio.Task[Any]]:
    executor = frozen(engine)
    frozen_engine = replace(engine, executor=executor)
    before = asyncio.all_tasks()
    run = await start(frozen_engine, ctx, name, thread_id)
    (task,) = [task for task in asyncio.all_tasks() - before if "Execution.run" in repr(task)]
    return run, task


async def let_lease_run_out(engine: Engine) -> None:
    async with engine.database.untenanted_connection() as connection:
        await connection.execute("UPDATE run_queue SET lease_until = now() - interval '1 second'")
    await engine.executor.announce_work()


async def events_of(engine: Engine, ctx: TenantContext, run: Run) -> list[tuple[str, Any]]:
    """Waits for the end."""
    batches = engine.log.follow_run(ctx, run.run_id, run.thread_id, since=0)
    return [(event.name, json.loads(event.data)) async for batch in batches for event in batch]


async def end_of(engine: Engine, ctx: TenantContext, run: Run) -> str:
    name, data = (await events_of(engine, ctx, run))[-1]
    assert name == END
    return str(data["status"])


async def status_of(database: Database, ctx: TenantContext, run: Run) -> str:
    async with database.tenant_transaction(ctx) as connection:
        return (await runs.get(connection, ctx, run.thread_id, run.run_id)).status


async def thread_of(database: Database, ctx: TenantContext, thread_id: UUID) -> threads.Thread:
    async with database.tenant_transaction(ctx) as connection:
        return await threads.get(connection, ctx, thread_id)


async def steps_of(database: Database, ctx: TenantContext, thread_id: UUID) -> list[str]:
    values = (await thread_of(database, ctx, thread_id)).values
    return list(values["steps"]) if values else []


async def test_a_run_says_how_it_begins_what_it_does_and_how_it_ends(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    gates.open["a"].set()
    run = await start(engine, acme, "a", uuid4())
    told = await events_of(engine, acme, run)
    assert [name for name, _ in told] == ["metadata", "values", "values", "values", END]
    assert told[0][1] == {"run_id": str(run.run_id), "attempt": 1}
    assert told[-2][1] == {"steps": WHOLE}
    thread = await thread_of(engine.database, acme, run.thread_id)
    assert (thread.status, thread.values) == ("idle", {"steps": WHOLE})
    assert thread.metadata["graph_id"] == "gated"


async def test_a_run_whose_executor_died_goes_on_from_its_last_checkpoint(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    run, dead = await execute_frozen(engine, acme, "a", uuid4())
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    dead.cancel()
    gates.open["a"].set()
    await let_lease_run_out(engine)
    assert await end_of(engine, acme, run) == "success"
    assert await steps_of(engine.database, acme, run.thread_id) == WHOLE
    assert gates.executed == {"a:one": 1, "a:two": 2}


async def test_a_process_that_was_frozen_past_its_lease_writes_nothing_any_more(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    run, sleeper = await execute_frozen(engine, acme, "a", uuid4())
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    gates.reached["a"].clear()
    await let_lease_run_out(engine)
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    gates.open["a"].set()
    await asyncio.wait_for(sleeper, 10)
    told = await events_of(engine, acme, run)
    assert [data["attempt"] for name, data in told if name == "metadata"] == [1, 2]
    assert [name for name, _ in told].count(END) == 1
    assert await steps_of(engine.database, acme, run.thread_id) == WHOLE


async def test_a_run_that_takes_every_executor_down_ends_with_an_error_that_says_so(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    run, dead = await execute_frozen(engine, acme, "a", uuid4())
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    dead.cancel()
    async with engine.database.untenanted_connection() as connection:
        await connection.execute("UPDATE run_queue SET attempts = %s", (MAX_ATTEMPTS,))
    await let_lease_run_out(engine)
    assert await end_of(engine, acme, run) == "error"
    async with engine.database.tenant_transaction(acme) as connection:
        found = await runs.get(connection, acme, run.thread_id, run.run_id)
    assert found.error_code == "executor_lost"
    gates.open["b"].set()
    assert await end_of(engine, acme, await start(engine, acme, "b", run.thread_id)) == "success"


async def test_runs_of_a_thread_wait_for_each_other_in_order(
    engine: Engine, other: Engine, acme: TenantContext, gates: Gates
) -> None:
    thread_id = uuid4()
    started = [await start(one, acme, name, thread_id) for one, name in ((engine, "a"), (other, "b"), (engine, "c"))]
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    assert [await status_of(engine.database, acme, run) for run in started] == ["running", "pending", "pending"]
    for name in "abc":
        gates.open[name].set()
    assert [await end_of(engine, acme, run) for run in started] == ["success"] * 3
    assert await steps_of(engine.database, acme, thread_id) == [
        step for name in "abc" for step in (name, f"{name}:one", f"{name}:two")
    ]  # fmt: skip


async def test_a_busy_thread_refuses_a_run_that_asks_to_be_rejected(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    run = await start(engine, acme, "a", uuid4())
    with pytest.raises(Conflict) as refused:
        await start(engine, acme, "b", run.thread_id, strategy="reject")
    assert refused.value.code == "thread_busy"


async def test_a_run_that_interrupts_keeps_what_the_other_had_done(
    engine: Engine, other: Engine, acme: TenantContext, gates: Gates
) -> None:
    first = await start(engine, acme, "a", uuid4())
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    gates.open["b"].set()
    second = await start(other, acme, "b", first.thread_id, strategy="interrupt")
    assert await end_of(other, acme, first) == "interrupted"
    assert await end_of(other, acme, second) == "success"
    assert await steps_of(engine.database, acme, first.thread_id) == ["a", "a:one", "b", "b:one", "b:two"]


async def test_a_run_that_rolls_back_leaves_no_trace_of_the_other(
    engine: Engine, other: Engine, acme: TenantContext, gates: Gates
) -> None:
    gates.open["z"].set()
    before = await start(engine, acme, "z", uuid4())
    await end_of(engine, acme, before)
    first = await start(engine, acme, "a", before.thread_id)
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    gates.open["b"].set()
    second = await start(other, acme, "b", before.thread_id, strategy="rollback")
    assert await end_of(other, acme, second) == "success"
    assert await steps_of(engine.database, acme, before.thread_id) == ["z", "z:one", "z:two", "b", "b:one", "b:two"]
    with pytest.raises(NotFound):
        await status_of(engine.database, acme, first)


async def test_a_run_in_another_process_is_cancelled_at_once_and_its_thread_answers_again(
    engine: Engine, other: Engine, acme: TenantContext, gates: Gates
) -> None:
    run = await start(engine, acme, "a", uuid4())
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    await starting.cancel(other, acme, run.thread_id, [run.run_id], "interrupt")
    assert await end_of(other, acme, run) == "interrupted"
    assert (await thread_of(engine.database, acme, run.thread_id)).status == "interrupted"
    gates.open["b"].set()
    assert await end_of(other, acme, await start(other, acme, "b", run.thread_id)) == "success"


async def test_a_run_that_waits_is_cancelled_without_ever_starting(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    first = await start(engine, acme, "a", uuid4())
    second = await start(engine, acme, "b", first.thread_id)
    await starting.cancel(engine, acme, first.thread_id, [second.run_id], "interrupt")
    assert await status_of(engine.database, acme, second) == "interrupted"
    gates.open["a"].set()
    assert await end_of(engine, acme, first) == "success"
    assert "b:one" not in gates.executed


async def test_a_run_starts_no_earlier_than_asked(engine: Engine, acme: TenantContext, gates: Gates) -> None:
    gates.open["later"].set()
    gates.open["now"].set()
    later = await start(engine, acme, "later", uuid4(), after_seconds=2)
    now = await start(engine, acme, "now", later.thread_id)
    assert await end_of(engine, acme, now) == "success"
    assert await status_of(engine.database, acme, later) == "pending"
    assert await end_of(engine, acme, later) == "success"


async def test_an_executor_that_stops_hands_its_runs_over_at_once(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    stopping = frozen(engine)
    leaving = replace(engine, executor=stopping)
    async with stopping.working():
        run = await start(leaving, acme, "a", uuid4())
        await asyncio.wait_for(gates.reached["a"].wait(), 10)
        gates.reached["a"].clear()
    await asyncio.wait_for(gates.reached["a"].wait(), queue.LEASE_SECONDS / 2)
    gates.open["a"].set()
    assert await end_of(engine, acme, run) == "success"


async def test_a_process_has_no_place_for_more_runs_than_it_may_execute(
    new_engine: NewEngine, gates: Gates, acme: TenantContext
) -> None:
    engine = await new_engine(ScriptedModel(script=[]), gates.graphs(), max_concurrent=1)
    first = await start(engine, acme, "a", uuid4())
    with pytest.raises(Unavailable), engine.executor.place(required=True):
        pass
    gates.open["a"].set()
    gates.open["b"].set()
    waiting = await start(engine, acme, "b", uuid4())
    assert await end_of(engine, acme, first) == "success"
    assert await end_of(engine, acme, waiting) == "success"


async def test_two_executors_never_claim_two_runs_of_one_thread(
    engine: Engine, database: Database, acme: TenantContext
) -> None:
    async with database.tenant_transaction(acme) as connection:
        thread = await threads.create(connection, acme)
    async with database.tenant_transaction(acme) as connection:
        for name in "ab":
            await starting.put(
                engine,
                connection,
                acme,
                "gated",
                RunRequest(input={"steps": [name]}),
                thread_id=thread.thread_id,
                after_seconds=0.0001,
            )
    claims = await asyncio.gather(*(queue.claim(database, uuid4()) for _ in range(4)))
    assert len([claim for claim in claims if claim is not None]) <= 1

    async def both_wait_or_run() -> bool:
        async with database.untenanted_connection() as connection:
            held = await connection.execute("SELECT FROM run_queue WHERE executor IS NOT NULL")
            return held.rowcount <= 1

    await until(both_wait_or_run)


async def test_a_process_that_sleeps_in_a_transaction_keeps_nobody_from_other_runs(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    run, dead = await execute_frozen(engine, acme, "a", uuid4())
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    dead.cancel()
    gates.open["a"].set()
    gates.open["b"].set()
    async with engine.database.tenant_transaction(acme) as asleep:
        await asleep.execute("SELECT FROM thread_heads WHERE thread_id = %s FOR SHARE", (run.thread_id,))
        await let_lease_run_out(engine)
        waiting = await start(engine, acme, "b", uuid4(), after_seconds=0.1)
        assert await asyncio.wait_for(end_of(engine, acme, waiting), 5) == "success"
        assert await status_of(engine.database, acme, run) == "running"
    assert await end_of(engine, acme, run) == "success"
    told = await events_of(engine, acme, run)
    assert [data["attempt"] for name, data in told if name == "metadata"] == [1, 2]


async def test_a_thread_deleted_under_a_claim_keeps_nobody_from_other_runs(
    engine: Engine, acme: TenantContext, gates: Gates
) -> None:
    gates.open["b"].set()
    gone = await start(engine, acme, "a", uuid4(), after_seconds=0.3)
    async with engine.database.tenant_transaction(acme) as connection:
        await connection.execute("DELETE FROM thread_heads WHERE thread_id = %s", (gone.thread_id,))
    later = await start(engine, acme, "b", uuid4(), after_seconds=0.6)
    assert await asyncio.wait_for(end_of(engine, acme, later), 10) == "success"

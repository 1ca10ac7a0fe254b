"""A lease is renewed beside the event loop: what a graph does to the loop takes no run from its process."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from langgraph.graph import START, StateGraph

from agents import starting
from agents.engine import Engine
from agents.events.log import END
from agents.execution import leases
from agents.execution.executor import Executor
from agents.runs.queue import LEASE_SECONDS
from agents.runs.request import RunRequest
from agents.runs.runs import Run
from core.cache import Cache
from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from graphs.catalog.loading import OwnGraph
from tests.agents.conftest import NewEngine
from tests.agents.gates import Gates, Steps
from tests.agents.scripted_model import ScriptedModel
from tests.until import until

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def owner(owner_url: str) -> Iterator[Owner]:
    """Blocks whoever asks it, and sees what Postgres sees."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def gates() -> Gates:
    return Gates()


@pytest.fixture
async def engine(new_engine: NewEngine, gates: Gates) -> Engine:
    return await new_engine(ScriptedModel(script=[]), gates.graphs())


async def start(engine: Engine, ctx: TenantContext, graph_id: str, name: str = "a") -> Run:
    request = RunRequest(input={"steps": [name]})
    return (await starting.start(engine, ctx, graph_id, request, thread_id=uuid4(), if_not_exists="create")).run


async def start_gated(engine: Engine, ctx: TenantContext, gates: Gates, name: str = "a") -> Run:
    run = await start(engine, ctx, "gated", name)
    await asyncio.wait_for(gates.reached[name].wait(), 10)
    return run


async def attempts_and_end(engine: Engine, ctx: TenantContext, run: Run) -> tuple[list[int], str]:
    batches = engine.log.follow_run(ctx, run.run_id, run.thread_id, since=0)
    told = [(event.name, json.loads(event.data)) async for batch in batches for event in batch]
    assert told[-1][0] == END
    return [data["attempt"] for name, data in told if name == "metadata"], told[-1][1]["status"]


def blocking(block: Callable[[], None]) -> dict[str, OwnGraph]:
    async def node(state: Steps) -> dict[str, Any]:
        block()
        return {"steps": ["blocked"]}

    return {"blocking": OwnGraph(StateGraph(Steps).add_node("node", node).add_edge(START, "node").compile(), None)}


def lease_is_ours(owner: Owner) -> bool:
    row = owner.execute("SELECT bool_and(lease_until > now()) FROM run_queue").fetchone()
    return row is not None and bool(row[0])


def renewed_since(owner: Owner, run: Run, moment: Any) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        query = "SELECT FROM run_queue WHERE run_id = %s AND lease_until > %s + make_interval(secs => %s)"
        return owner.execute(query, (run.run_id, moment, LEASE_SECONDS)).rowcount == 1

    return look


def now(owner: Owner) -> Any:
    row = owner.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0]


async def test_a_graph_that_blocks_the_loop_past_a_lease_keeps_its_run(
    new_engine: NewEngine, acme: TenantContext, owner: Owner
) -> None:
    kept: list[bool] = []

    def block() -> None:
        owner.execute("SELECT pg_sleep(%s)", (LEASE_SECONDS + 1.5,))
        kept.append(lease_is_ours(owner))

    engine = await new_engine(ScriptedModel(script=[]), blocking(block))
    run = await start(engine, acme, "blocking")
    assert await attempts_and_end(engine, acme, run) == ([1], "success")
    assert kept == [True]


async def test_a_loop_that_shows_no_life_loses_its_leases(
    new_engine: NewEngine, acme: TenantContext, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "BLOCKED_SECONDS", 2.0)
    lost: list[bool] = []

    def block() -> None:
        deadline = monotonic() + 15
        while not lost and monotonic() < deadline:
            owner.execute("SELECT pg_sleep(0.1)")
            if not lease_is_ours(owner):
                lost.append(True)

    engine = await new_engine(ScriptedModel(script=[]), blocking(block))
    await attempts_and_end(engine, acme, await start(engine, acme, "blocking"))
    assert lost[0]


async def test_an_execution_learns_that_its_claim_is_lost(
    new_engine: NewEngine, acme: TenantContext, gates: Gates, owner: Owner
) -> None:
    engine = await new_engine(ScriptedModel(script=[]), gates.graphs(), max_concurrent=1)
    await start_gated(engine, acme, gates)
    owner.execute("UPDATE run_queue SET executor = %s, lease_until = now() + interval '1 hour'", (uuid4(),))

    async def is_abandoned() -> bool:
        return engine.executor.has_room

    await until(is_abandoned, seconds=10)


async def test_an_execution_learns_that_it_is_cancelled_though_nobody_announced_it(
    engine: Engine, acme: TenantContext, gates: Gates, owner: Owner
) -> None:
    run = await start_gated(engine, acme, gates)
    owner.execute("UPDATE run_queue SET cancel = 'interrupt'")
    # Before a lease that nobody renewed would have run out.
    ended = await asyncio.wait_for(attempts_and_end(engine, acme, run), LEASE_SECONDS - 1)
    assert ended == ([1], "interrupted")


async def test_leases_outlive_their_connection(
    engine: Engine, acme: TenantContext, gates: Gates, owner: Owner
) -> None:
    run = await start_gated(engine, acme, gates)
    await until(renewed_since(owner, run, now(owner)))
    ended = owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'atrium-leases' AND datname = current_database()"
    )
    assert ended.rowcount == 1
    await until(renewed_since(owner, run, now(owner)), seconds=LEASE_SECONDS)
    gates.open["a"].set()
    assert await attempts_and_end(engine, acme, run) == ([1], "success")


async def test_a_run_that_a_transaction_has_locked_holds_up_no_other_lease_and_is_not_lost(
    engine: Engine, acme: TenantContext, gates: Gates, owner: Owner
) -> None:
    locked = await start_gated(engine, acme, gates, "a")
    free = await start_gated(engine, acme, gates, "b")
    with owner.transaction():
        owner.execute("SELECT FROM run_queue WHERE run_id = %s FOR UPDATE", (locked.run_id,))
        with psycopg.connect(owner.info.dsn, password=owner.info.password, autocommit=True) as beside:
            await until(renewed_since(beside, free, now(beside)), seconds=LEASE_SECONDS)
    for run, name in ((locked, "a"), (free, "b")):
        gates.open[name].set()
        assert await attempts_and_end(engine, acme, run) == ([1], "success")


async def test_the_thread_ends_with_its_executor(database: Database, clone: EmbeddedServers) -> None:
    before = set(threading.enumerate())

    def no_execution(claim: object) -> Any:
        raise AssertionError("nothing is queued")

    async with Cache(clone.redis_url) as cache:
        async with Executor(database, cache, no_execution, max_concurrent=1).working():
            (thread,) = [thread for thread in set(threading.enumerate()) - before if thread.name == "leases"]
        assert not thread.is_alive()

"""Changing a thread's state by hand: it shows in the thread's row, and never comes between a run and its state."""

from types import SimpleNamespace
from typing import Annotated, Any, cast
from uuid import UUID, uuid4

import pytest
from langchain_core.language_models import FakeListChatModel
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from agents.engine import Engine
from agents.runs import queue
from agents.state import access as state_access
from agents.state import state
from agents.threads import threads
from agents.threads.threads import Thread
from core.db import Database
from core.errors import ClientError, Conflict, Invalid, NotFound
from core.tenancy import TenantContext
from graphs.catalog.catalog import Catalog
from graphs.catalog.loading import OwnGraph
from graphs.chat import chat_graph
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.retriever import Retriever
from tests.agents.queued import queued
from tools.toolbox import Toolbox


def added(before: list[str], more: list[str]) -> list[str]:
    return before + more


class Steps(TypedDict):
    steps: Annotated[list[str], added]


def stepping() -> OwnGraph:
    """`write`, then `ask`, which waits for an answer."""

    def write(state: Steps) -> Any:
        return {"steps": ["write"]}

    def ask(state: Steps) -> Any:
        return {"steps": [interrupt("ready?")]}

    builder = StateGraph(Steps).add_node("write", write).add_node("ask", ask)
    builder.add_edge(START, "write").add_edge("write", "ask").add_edge("ask", END)
    return OwnGraph(builder.compile())


@pytest.fixture
def engine(database: Database, embeddings: LocalEmbeddings) -> Engine:
    """Nothing executes: what is queued stays where it is until a test claims it."""
    agent = chat_graph(cast(Retriever, None), FakeListChatModel(responses=[""]), cast(Toolbox, None))
    catalog = Catalog(agent, {"stepping": stepping()})
    return cast(Engine, SimpleNamespace(database=database, catalog=catalog, embeddings=embeddings))


@pytest.fixture
async def thread_id(database: Database, acme: TenantContext) -> UUID:
    async with database.tenant_transaction(acme) as connection:
        return (await threads.create(connection, acme, metadata={"graph_id": "stepping"})).thread_id


async def thread_of(engine: Engine, ctx: TenantContext, thread_id: UUID) -> Thread:
    async with engine.database.tenant_transaction(ctx) as connection:
        return await threads.get(connection, ctx, thread_id)


async def write(engine: Engine, ctx: TenantContext, thread_id: UUID, step: str, **options: Any) -> dict[str, Any]:
    return await state_access.update(engine, ctx, thread_id, {"steps": [step]}, **options)


async def test_the_threads_row_follows_its_state(engine: Engine, acme: TenantContext, thread_id: UUID) -> None:
    await write(engine, acme, thread_id, "by hand", as_node="write")
    thread = await thread_of(engine, acme, thread_id)
    assert (thread.values, thread.status, thread.interrupts) == ({"steps": ["by hand"]}, "idle", {})
    assert thread.state_updated_at > thread.created_at
    found = await state_access.read(engine, acme, thread_id)
    assert (found["values"], found["next"]) == (thread.values, ["ask"])


async def test_a_run_that_begins_meanwhile_has_the_thread_for_itself(
    engine: Engine, acme: TenantContext, thread_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(engine, acme, thread_id, "before", as_node="write")
    before = await thread_of(engine, acme, thread_id)
    update = state.update

    async def overtaken(*arguments: Any, **options: Any) -> dict[str, Any]:
        await queued(engine.database, acme, thread_id, graph_id="stepping")
        assert await queue.claim(engine.database, uuid4()) is not None
        return await update(*arguments, **options)

    monkeypatch.setattr(state, "update", overtaken)
    with pytest.raises(Conflict):
        await write(engine, acme, thread_id, "too late", as_node="write")
    assert (await state_access.read(engine, acme, thread_id))["values"] == {"steps": ["before"]}
    assert (await thread_of(engine, acme, thread_id)).values == before.values


async def test_a_waiting_run_has_the_thread_already(engine: Engine, acme: TenantContext, thread_id: UUID) -> None:
    await queued(engine.database, acme, thread_id, graph_id="stepping")
    with pytest.raises(Conflict):
        await write(engine, acme, thread_id, "too late", as_node="write")
    with pytest.raises(Conflict):
        await state_access.replay(engine, acme, thread_id, [[{"values": {"steps": ["x"]}, "as_node": "write"}]])


async def test_supersteps_follow_each_other(engine: Engine, acme: TenantContext, thread_id: UUID) -> None:
    steps = [
        [{"values": {"steps": ["one"]}, "as_node": "write"}],
        [{"command": {"update": {"steps": ["two"]}}, "as_node": "ask"}],
    ]
    await state_access.replay(engine, acme, thread_id, steps)
    states = await state_access.history(engine, acme, thread_id, limit=10)
    assert [found["values"]["steps"] for found in states] == [["one", "two"], ["one"]]
    assert (await thread_of(engine, acme, thread_id)).values == {"steps": ["one", "two"]}


async def test_what_does_not_fit_the_graph_changes_nothing(
    engine: Engine, acme: TenantContext, thread_id: UUID
) -> None:
    with pytest.raises(Invalid):
        await write(engine, acme, thread_id, "x", as_node="nobody")
    assert (await thread_of(engine, acme, thread_id)).values is None
    assert await state_access.history(engine, acme, thread_id, limit=10) == []


async def test_a_thread_without_a_graph_has_nothing_to_change(engine: Engine, acme: TenantContext) -> None:
    async with engine.database.tenant_transaction(acme) as connection:
        thread_id = (await threads.create(connection, acme)).thread_id
    assert await state_access.read(engine, acme, thread_id) == state.nothing()
    with pytest.raises(ClientError) as refused:
        await write(engine, acme, thread_id, "x")
    assert refused.value.code == "no_graph"


async def test_another_tenant_reads_and_changes_nothing(
    engine: Engine, acme: TenantContext, globex: TenantContext, thread_id: UUID
) -> None:
    await write(engine, acme, thread_id, "ours", as_node="write")
    for refused in (
        state_access.read(engine, globex, thread_id),
        state_access.history(engine, globex, thread_id, limit=10),
        write(engine, globex, thread_id, "theirs", as_node="write"),
    ):
        with pytest.raises(NotFound):
            await refused
    assert (await state_access.read(engine, acme, thread_id))["values"] == {"steps": ["ours"]}

"""What a thread remembers is copied, thinned out, measured and deleted with it, and never another's."""

from collections.abc import Callable, Coroutine
from typing import Any, cast, get_args
from uuid import UUID, uuid4

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, MessagesState, StateGraph

from agents.threads import storage as thread_storage
from agents.threads import threads
from core.db import Connection, Database
from core.errors import Conflict, NotFound
from core.tenancy import TenantContext
from graphs.checkpoints.checkpointer import TenantSaver
from tests.agents.queued import queued

Say = Callable[[UUID, str], Coroutine[Any, Any, None]]


def config_of(thread_id: UUID) -> RunnableConfig:
    return {"configurable": {"thread_id": str(thread_id)}}


@pytest.fixture
async def say(database: Database, acme: TenantContext) -> Say:
    """One turn with a graph that says the same back."""

    async def echo(state: MessagesState) -> Any:
        return {"messages": [("ai", state["messages"][-1].text)]}

    builder = StateGraph(MessagesState)
    builder.add_node("echo", echo)
    builder.add_edge(START, "echo")
    builder.add_edge("echo", END)
    graph = builder.compile(checkpointer=TenantSaver(database, acme))

    async def turn(thread_id: UUID, text: str) -> None:
        await graph.ainvoke(cast(MessagesState, {"messages": [("user", text)]}), config_of(thread_id))

    return turn


async def remembered(database: Database, ctx: TenantContext, thread_id: UUID) -> tuple[list[str], int]:
    """The newest state's messages, and how many checkpoints there are."""
    saver = TenantSaver(database, ctx)
    checkpoints = [found async for found in saver.alist(config_of(thread_id))]
    values = checkpoints[0].checkpoint["channel_values"] if checkpoints else {}
    return [message.text for message in values.get("messages", [])], len(checkpoints)


async def new_thread(connection: Connection, ctx: TenantContext) -> UUID:
    return (await threads.create(connection, ctx, title="Holidays", metadata={"graph_id": "echo"})).thread_id


async def test_a_copy_goes_on_alone(database: Database, acme: TenantContext, say: Say) -> None:
    async with database.tenant_transaction(acme) as connection:
        thread_id = await new_thread(connection, acme)
    await say(thread_id, "one")
    async with database.tenant_transaction(acme) as connection:
        copied = await thread_storage.copy(connection, acme, thread_id)
    assert copied.thread_id != thread_id
    assert (copied.title, copied.metadata, copied.status) == ("Holidays", {"graph_id": "echo"}, "idle")
    original = await remembered(database, acme, thread_id)
    assert await remembered(database, acme, copied.thread_id) == original
    await say(copied.thread_id, "two")
    assert (await remembered(database, acme, copied.thread_id))[0] == ["one", "one", "two", "two"]
    assert await remembered(database, acme, thread_id) == original


async def test_pruning_keeps_the_newest_state_and_the_thread(
    database: Database, acme: TenantContext, say: Say
) -> None:
    async with database.tenant_transaction(acme) as connection:
        thread_id = await new_thread(connection, acme)
    await say(thread_id, "one")
    await say(thread_id, "two")
    async with database.tenant_transaction(acme) as connection:
        await thread_storage.prune(connection, acme, thread_id, "keep_latest")
        await threads.require(connection, acme, thread_id)
    assert await remembered(database, acme, thread_id) == (["one", "one", "two", "two"], 1)
    async with database.tenant_transaction(acme) as connection:
        await thread_storage.prune(connection, acme, thread_id, "delete")
        with pytest.raises(NotFound):
            await threads.require(connection, acme, thread_id)
    assert await remembered(database, acme, thread_id) == ([], 0)


async def test_a_thread_with_a_run_keeps_its_history(database: Database, acme: TenantContext, say: Say) -> None:
    async with database.tenant_transaction(acme) as connection:
        thread_id = await new_thread(connection, acme)
    await say(thread_id, "one")
    before = await remembered(database, acme, thread_id)
    await queued(database, acme, thread_id)
    with pytest.raises(Conflict):
        async with database.tenant_transaction(acme) as connection:
            await thread_storage.prune(connection, acme, thread_id, "keep_latest")
    assert await remembered(database, acme, thread_id) == before


async def test_storage_adds_up_and_grows(database: Database, acme: TenantContext, say: Say) -> None:
    sizes = []
    async with database.tenant_transaction(acme) as connection:
        thread_id = await new_thread(connection, acme)
        empty = await thread_storage.storage(connection, acme, thread_id)
    assert (empty["total_bytes"], empty["channel_values"]["by_channel"]) == (0, {})
    for text in ("one", "two" * 1000):
        await say(thread_id, text)
        async with database.tenant_transaction(acme) as connection:
            stored = await thread_storage.storage(connection, acme, thread_id)
        parts = [stored[part]["bytes"] for part in ("checkpoints", "channel_values", "pending_writes")]
        assert stored["total_bytes"] == sum(parts)
        assert stored["checkpoints"]["count"] == (await remembered(database, acme, thread_id))[1]
        assert stored["channel_values"]["by_channel"]["messages"]["bytes"] > 0
        sizes.append(stored["total_bytes"])
    assert sizes[0] < sizes[1]


async def test_another_tenant_copies_prunes_and_measures_nothing(
    database: Database, acme: TenantContext, globex: TenantContext, say: Say
) -> None:
    async with database.tenant_transaction(acme) as connection:
        thread_id = await new_thread(connection, acme)
    await say(thread_id, "one")
    async with database.tenant_transaction(globex) as connection:
        for id_ in (thread_id, uuid4()):
            with pytest.raises(NotFound):
                await thread_storage.copy(connection, globex, id_)
            with pytest.raises(NotFound):
                await thread_storage.storage(connection, globex, id_)
            for strategy in get_args(threads.Expiry):
                with pytest.raises(NotFound):
                    await thread_storage.prune(connection, globex, id_, strategy)
    assert (await remembered(database, acme, thread_id))[0] == ["one", "one"]
    assert await remembered(database, globex, thread_id) == ([], 0)

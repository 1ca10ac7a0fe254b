import asyncio
import random
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import RemoveMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from core.db import Database
from core.tenancy import TenantContext
from graphs.checkpoints import retention
from graphs.checkpoints.checkpointer import TenantSaver
from tests.graphs.conversations import (
    Conversation,
    Graph,
    ask,
    conversation,
    notebook,
    rows,
    stored_bytes,
    texts,
    thread,
)


async def history(graph: Graph, config: RunnableConfig) -> list[Any]:
    """What the API shows of each checkpoint, newest first, without ids and times."""
    return [
        (state.values, state.next, state.metadata and state.metadata["step"], [task.result for task in state.tasks])
        async for state in graph.aget_state_history(config)
    ]


async def older(graph: Graph, config: RunnableConfig, steps: int) -> RunnableConfig:
    states = [state async for state in graph.aget_state_history(config)]
    return states[steps].config


async def test_a_fork_of_an_older_checkpoint_continues_beside_the_branch_it_left(
    database: Database, acme: TenantContext
) -> None:
    graph, config = conversation(TenantSaver(database, acme)), thread()
    for question in ("one", "two", "three"):
        await ask(graph, config, question)
    left = await graph.aget_state(config)
    fork = await older(graph, config, 8)
    assert await texts(graph, fork) == (await texts(graph, config))[:2]
    await ask(conversation(TenantSaver(database, acme)), fork, "another way")
    await ask(conversation(TenantSaver(database, acme)), config, "and on")
    forked = await texts(graph, config)
    assert [forked[0], forked[2], forked[4]] == ["one", "another way", "and on"]
    assert await texts(graph, left.config) == [message.content for message in left.values["messages"]]


async def test_two_branches_that_grow_at_once_keep_to_themselves(database: Database, acme: TenantContext) -> None:
    graph, config = conversation(TenantSaver(database, acme)), thread()
    await ask(graph, config, "root")
    start = (await graph.aget_state(config)).config
    branches = [f"branch {number}" for number in range(4)]
    tips = await asyncio.gather(
        *(
            conversation(TenantSaver(database, acme)).aupdate_state(
                start, {"messages": [{"role": "user", "content": branch, "id": branch}]}, as_node="answer"
            )
            for branch in branches
        )
    )
    root = await texts(graph, start)
    assert [await texts(graph, tip) for tip in tips] == [[*root, branch] for branch in branches]


@pytest.mark.parametrize("seed", range(6))
async def test_any_history_reads_as_from_langgraphs_own_saver(
    database: Database, acme: TenantContext, seed: int
) -> None:
    chance, config = random.Random(seed), thread()
    reference = conversation(InMemorySaver())
    saver = TenantSaver(database, acme)
    for step in range(12):
        if chance.random() < 0.5:
            saver = TenantSaver(database, acme)
        both = (conversation(saver), reference)
        deed = chance.choice(["ask", "ask", "edit", "remove", "fork", "nothing"])
        position = chance.randrange(20)
        for graph in both:
            await _do(graph, config, deed, position, step)
        ours, theirs = [await history(graph, config) for graph in both]
        assert ours == theirs


async def _do(graph: Graph, config: RunnableConfig, deed: str, position: int, step: int) -> None:
    messages = (await graph.aget_state(config)).values.get("messages", [])
    if deed == "ask" or not messages:
        await ask(graph, config, f"question {step}")
        return
    chosen = messages[position % len(messages)]
    if deed == "fork":
        states = [state async for state in graph.aget_state_history(config) if not state.next]
        await ask(graph, states[position % len(states)].config, f"question {step}")
    elif deed == "edit":
        await graph.aupdate_state(config, {"messages": [chosen.model_copy(update={"content": f"edit {step}"})]})
    elif deed == "remove":
        await graph.aupdate_state(config, {"messages": [RemoveMessage(chosen.id)]})
    else:
        await graph.aupdate_state(config, {"messages": []})


async def test_an_update_that_adds_nothing_costs_nothing_of_the_list(database: Database, acme: TenantContext) -> None:
    graph, config = conversation(TenantSaver(database, acme)), thread()
    await ask(graph, config, random.Random(0).randbytes(50_000).hex())
    before = await stored_bytes(database, acme)
    for number in range(5):
        await graph.aupdate_state(config, {"messages": []})
        await ask(graph, config, f"short {number}")
    assert await stored_bytes(database, acme) < before * 1.5


async def test_notes_that_are_stored_as_their_writes_are_read_whole(database: Database, acme: TenantContext) -> None:
    config, reference = thread(), notebook(InMemorySaver())
    for _ in range(4):
        for graph in (notebook(TenantSaver(database, acme)), reference):
            await graph.ainvoke({"notes": ["asked"]}, config, durability="sync")
    ours = notebook(TenantSaver(database, acme))
    assert len((await ours.aget_state(config)).values["notes"]) == 8
    assert await history(ours, config) == await history(reference, config)


@pytest.mark.parametrize("make", [conversation, notebook])
async def test_what_is_kept_of_a_thread_is_its_state(database: Database, acme: TenantContext, make: Any) -> None:
    saver, config = TenantSaver(database, acme), thread()
    graph = make(saver)
    for number in range(3):
        said: dict[str, Any] = {"messages": [("user", f"question {number}")], "notes": ["asked"]}
        await graph.ainvoke(said, config, durability="sync")
    before, size = (await graph.aget_state(config)).values, await stored_bytes(database, acme)
    await saver.aprune([config["configurable"]["thread_id"]])
    graph = make(TenantSaver(database, acme))
    assert (await graph.aget_state(config)).values == before
    assert await stored_bytes(database, acme) <= size
    await graph.ainvoke(said, config, durability="sync")
    after = (await make(TenantSaver(database, acme)).aget_state(config)).values
    assert {name: len(value) - len(before[name]) for name, value in after.items() if isinstance(value, list)} in (
        {"messages": 2},
        {"notes": 2},
    )


async def test_pruning_leaves_one_checkpoint_and_the_values_it_needs(database: Database, acme: TenantContext) -> None:
    saver, config = TenantSaver(database, acme), thread()
    for number in range(5):
        await ask(conversation(saver), config, f"question {number}")
    await saver.aprune([config["configurable"]["thread_id"]])
    kept = await saver.aget_tuple(config)
    assert kept is not None and kept.parent_config is None
    counts = await rows(database, acme)
    assert (counts["checkpoints"], counts["checkpoint_writes"]) == (1, 0)
    await saver.adelete_thread(config["configurable"]["thread_id"])
    assert set((await rows(database, acme)).values()) == {0}


async def test_pruning_drops_the_calls_of_subgraphs_that_have_ended(database: Database, acme: TenantContext) -> None:
    saver, config = TenantSaver(database, acme), thread()
    outer = StateGraph(Conversation)
    outer.add_node("inner", conversation(saver))
    outer.add_edge(START, "inner")
    outer.add_edge("inner", END)
    graph = outer.compile(checkpointer=saver)
    for number in range(3):
        await ask(graph, config, f"question {number}")
    before = await texts(graph, config)
    await saver.aprune([config["configurable"]["thread_id"]])
    assert (await rows(database, acme))["checkpoints"] == 1
    assert await texts(graph, config) == before


async def test_pruning_keeps_a_question_that_waits_inside_a_subgraph(database: Database, acme: TenantContext) -> None:
    def approve(state: Conversation) -> dict[str, Any]:
        return {"question": interrupt("may I?")}

    saver, config = TenantSaver(database, acme), thread()
    inner = StateGraph(Conversation)
    inner.add_node(approve)
    inner.add_edge(START, "approve")
    outer = StateGraph(Conversation)
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "inner")
    graph = outer.compile(checkpointer=saver)
    await ask(graph, config, "do it")
    before = await graph.aget_state(config, subgraphs=True)
    await saver.aprune([config["configurable"]["thread_id"]])
    after = await graph.aget_state(config, subgraphs=True)
    assert after.interrupts == before.interrupts != ()
    assert after.tasks[0].state.values == before.tasks[0].state.values  # type: ignore[union-attr]


async def test_what_a_rolled_back_run_did_is_gone_and_the_rest_stays(database: Database, acme: TenantContext) -> None:
    graph, config = conversation(TenantSaver(database, acme)), thread()
    thread_id, runs = config["configurable"]["thread_id"], [uuid4(), uuid4()]
    sizes = []
    for run_id in runs:
        await ask(graph, {**config, "metadata": {"run_id": str(run_id)}}, f"question of {run_id}")
        sizes.append(await stored_bytes(database, acme))
    async with database.tenant_transaction(acme) as connection:
        await retention.forget_runs(connection, acme, [runs[1]], thread_id=thread_id)
    assert await stored_bytes(database, acme) == sizes[0]
    graph = conversation(TenantSaver(database, acme))
    assert await texts(graph, config) == [
        f"question of {runs[0]}",
        f"question of {runs[0]}, you ask? It is answer 1.",
    ]
    await ask(graph, config, "again")
    assert len(await texts(graph, config)) == 4


async def test_a_copy_goes_its_own_way(database: Database, acme: TenantContext) -> None:
    saver, config, copied = TenantSaver(database, acme), thread(), thread()
    await ask(conversation(saver), config, "question")
    await saver.acopy_thread(config["configurable"]["thread_id"], copied["configurable"]["thread_id"])
    await ask(conversation(saver), copied, "of the copy")
    assert len(await texts(conversation(saver), config)) == 2
    assert (await texts(conversation(saver), copied))[2] == "of the copy"

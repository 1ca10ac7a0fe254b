import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from agents import wire
from agents.state import state
from core.errors import Invalid
from tests.agents.graphs import SAID, Graph, asker, config_of, failing, nested, run_of, speaker

HI = {"messages": [("human", "hi")]}


async def ran(graph: Graph, input: Any = HI) -> Any:
    """The id of a thread on which the graph ran."""
    run = run_of()
    await graph.ainvoke(input, config_of(run))
    return run.thread_id


async def test_a_state_is_told_with_its_place() -> None:
    graph = speaker()
    thread_id = await ran(graph)
    told = await state.thread_state(graph, thread_id)
    assert [message.text for message in told["values"]["messages"]] == ["hi", SAID]
    assert told["next"] == told["tasks"] == told["interrupts"] == []
    assert told["checkpoint"] == {
        "checkpoint_id": told["checkpoint_id"], "thread_id": str(thread_id), "checkpoint_ns": "",
    }  # fmt: skip
    assert told["parent_checkpoint"]["checkpoint_id"] == told["parent_checkpoint_id"]
    assert told["metadata"]["step"] == 1
    assert told["created_at"]


async def test_nothing_that_only_the_server_knows_is_told() -> None:
    graph = asker()
    told = await state.thread_state(graph, await ran(graph))
    assert "secret" not in wire.dumps(told)
    assert "langgraph_auth" not in wire.dumps(told)


async def test_a_thread_on_which_nothing_ran_has_the_same_fields() -> None:
    graph = speaker()
    told = await state.thread_state(graph, await ran(graph))
    assert state.nothing().keys() == told.keys()
    assert (await state.thread_state(graph, uuid4()))["checkpoint"] is None


async def test_an_interrupt_waits_in_its_task() -> None:
    graph = asker()
    told = await state.thread_state(graph, await ran(graph))
    (task,) = told["tasks"]
    assert told["next"] == [task["name"]] == ["ask"]
    assert task["interrupts"] == told["interrupts"]
    assert task["interrupts"][0]["value"] == "ready?"
    assert set(task["interrupts"][0]) == {"id", "value"}


async def test_a_subgraphs_state_is_told_on_request() -> None:
    outer = StateGraph(MessagesState).add_node("child", asker().copy({"checkpointer": None}))
    graph: Graph = outer.add_edge(START, "child").compile(InMemorySaver())
    thread_id = await ran(graph)
    (without,) = (await state.thread_state(graph, thread_id))["tasks"]
    assert without["state"] is None
    assert without["checkpoint"]["checkpoint_ns"].startswith("child:")
    (task,) = (await state.thread_state(graph, thread_id, subgraphs=True))["tasks"]
    assert task["checkpoint"] is None
    assert task["state"]["next"] == ["ask"]
    within = await state.thread_state(graph, thread_id, without["checkpoint"])
    assert within["next"] == ["ask"]


async def test_history_goes_back_from_the_newest() -> None:
    graph = speaker()
    thread_id = await ran(graph)
    newest, *earlier = await state.history(graph, thread_id)
    assert newest == await state.thread_state(graph, thread_id)
    assert [each["metadata"]["step"] for each in (newest, *earlier)] == [1, 0, -1]
    assert await state.history(graph, thread_id, limit=1) == [newest]
    for before in (newest["checkpoint_id"], newest["checkpoint"], {"configurable": newest["checkpoint"]}):
        assert await state.history(graph, thread_id, before=before) == earlier
    assert await state.history(graph, thread_id, metadata={"step": 0}) == [earlier[0]]


async def test_a_checkpoint_of_another_thread_is_not_reached_by_its_pointers() -> None:
    graph = speaker()
    mine, other = await ran(graph), await ran(graph)
    pointed = (await state.thread_state(graph, other))["checkpoint"]
    assert (await state.thread_state(graph, mine, pointed))["values"] == {}


async def test_a_state_can_be_changed_and_forked() -> None:
    graph = speaker()
    thread_id = await ran(graph)
    newest = await state.thread_state(graph, thread_id)
    written = await state.update(graph, thread_id, {"messages": [("human", "more")]}, as_node="speak")
    assert written["checkpoint"]["checkpoint_id"] == written["checkpoint_id"]
    told = await state.thread_state(graph, thread_id)
    assert told["checkpoint_id"] == written["checkpoint_id"]
    assert told["values"]["messages"][-1].text == "more"
    forked = await state.update(
        graph, thread_id, {"messages": [("human", "other")]}, as_node="speak", checkpoint=newest["checkpoint"]
    )
    told = await state.thread_state(graph, thread_id, forked["checkpoint"])
    assert [message.text for message in told["values"]["messages"]] == ["hi", SAID, "other"]
    assert told["parent_checkpoint_id"] == newest["checkpoint_id"]


async def test_supersteps_are_written_one_after_the_other() -> None:
    graph, thread_id = speaker(), uuid4()
    written = await state.update_in_steps(
        graph,
        thread_id,
        [[({"messages": [("human", "hi")]}, "__start__")], [(Command(update={"messages": [("ai", "yo")]}), "speak")]],
    )
    told = await state.thread_state(graph, thread_id)
    assert told["checkpoint"] == written["checkpoint"]
    assert [message.text for message in told["values"]["messages"]] == ["hi", "yo"]


@pytest.mark.parametrize(
    ("values", "as_node"),
    [
        ({"messages": [("human", "more")]}, "nobody"),
        ({"messages": [{"role": "nonsense", "content": "hi"}]}, "speak"),
        (["not", "a", "mapping"], "speak"),
    ],
)
async def test_a_change_that_does_not_fit_is_the_clients_to_mend(values: Any, as_node: str) -> None:
    graph = speaker()
    thread_id = await ran(graph)
    before = await state.thread_state(graph, thread_id)
    with pytest.raises(Invalid):
        await state.update(graph, thread_id, values, as_node=as_node)
    assert await state.thread_state(graph, thread_id) == before


async def test_no_supersteps_are_the_clients_to_mend() -> None:
    with pytest.raises(Invalid):
        await state.update_in_steps(speaker(), uuid4(), [])


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no such city"), "ValueError('no such city')"),
        (
            psycopg.OperationalError("postgres://atrium:hunter2@db"),
            "OperationalError('Something went wrong on our side')",
        ),
    ],
)
async def test_a_tasks_error_is_told_without_internals(error: Exception, told: str) -> None:
    graph, run = failing(error), run_of()
    with pytest.raises(type(error)):
        await graph.ainvoke(HI, config_of(run))
    (task,) = (await state.thread_state(graph, run.thread_id))["tasks"]
    assert task["error"] == told


async def test_a_state_is_json() -> None:
    graph = nested()
    told = json.loads(wire.dumps(await state.thread_state(graph, await ran(graph))))
    assert told["values"]["messages"][-1]["content"] == SAID

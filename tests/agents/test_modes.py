import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from agents.modes import first, last, wire_events
from tests.agents.graphs import SAID, Events, Toolbox, asker, config_of, failing, nested, run_of, speaker, streamed


class City(TypedDict):
    city: str


HI = {"messages": [{"role": "user", "content": "hi"}]}
EVERY_MODE = ("values", "updates", "messages-tuple", "debug", "custom", "tasks", "checkpoints")


def of(events: Events, name: str) -> list[Any]:
    return [json.loads(data) for named, data in events if named == name]


def names(events: Events) -> list[str]:
    """In the order of their first appearance."""
    return list(dict.fromkeys(name for name, _ in events))


async def test_only_what_was_asked_for_is_streamed() -> None:
    for mode in ("values", "updates", "custom", "tasks", "checkpoints", "debug"):
        assert names(await streamed(speaker(), run_of(stream_mode=(mode,)), HI)) == [mode]


async def test_values_end_with_the_whole_state() -> None:
    *_, state = of(await streamed(speaker(), run_of(), HI), "values")
    assert [message["content"] for message in state["messages"]] == ["hi", SAID]


async def test_updates_name_their_node_and_custom_data_is_passed_on() -> None:
    events = await streamed(speaker(), run_of(stream_mode=("updates", "custom")), HI)
    (update,) = of(events, "updates")
    assert update["speak"]["messages"][0]["content"] == SAID
    assert of(events, "custom") == [{"progress": "speaking"}]


async def test_partial_messages_grow_and_their_metadata_comes_once() -> None:
    events = await streamed(speaker(), run_of(stream_mode=("messages",)), HI)
    metadata, *partial = events
    assert metadata[0] == "messages/metadata"
    assert {name for name, _ in partial} == {"messages/partial"}
    told = [json.loads(data)[0] for _, data in partial]
    assert next(message["content"] for message in told if message["content"]) == "hello"
    assert told[-1]["content"] == SAID
    assert {(message["type"], message["id"]) for message in told} == {("ai", "said")}
    assert json.loads(metadata[1])["said"]["metadata"]["langgraph_node"] == "speak"


async def test_message_tuples_are_pieces_with_metadata() -> None:
    pieces = of(await streamed(speaker(), run_of(stream_mode=("messages-tuple",)), HI), "messages")
    assert "".join(message["content"] for message, _ in pieces) == SAID
    assert all(message["type"] == "AIMessageChunk" for message, _ in pieces)
    assert all(metadata["langgraph_node"] == "speak" for _, metadata in pieces)


async def test_a_whole_message_that_a_node_returns_is_complete() -> None:
    graph = StateGraph(MessagesState).add_node("say", lambda _: {"messages": [AIMessage("hm", id="whole")]})
    events = await streamed(graph.add_edge(START, "say").compile(), run_of(stream_mode=("messages",)), HI)
    assert [name for name, _ in events] == ["messages/metadata", "messages/complete"]


async def test_subgraphs_stand_behind_the_mode() -> None:
    events = await streamed(nested(), run_of(stream_mode=EVERY_MODE, stream_subgraphs=True), HI)
    within = {name.partition("|")[0] for name, _ in events if "|child:" in name}
    assert within == {"values", "updates", "messages", "debug", "custom", "tasks", "checkpoints"}
    assert {"values", "updates"} <= set(names(events))


async def test_without_subgraphs_nothing_of_them_is_told() -> None:
    assert not [name for name, _ in await streamed(nested(), run_of(stream_mode=EVERY_MODE), HI) if "|" in name]


async def test_an_interrupt_is_in_values_and_updates() -> None:
    events = await streamed(asker(), run_of(stream_mode=("values", "updates")), HI)
    for name in ("values", "updates"):
        (interrupt,) = of(events, name)[-1]["__interrupt__"]
        assert interrupt["value"] == "ready?"
        assert interrupt["id"]


async def test_a_checkpoint_is_named_by_its_pointers_alone() -> None:
    run = run_of(stream_mode=("debug", "checkpoints"), stream_subgraphs=True)
    events = await streamed(nested(), run, HI)
    payloads = [event["payload"] for event in of(events, "debug") if event["type"] == "checkpoint"]
    assert payloads[-1]["next"] == []
    assert payloads[-1]["checkpoint"]["thread_id"] == str(run.thread_id)
    assert payloads[-1]["parent_checkpoint"]["checkpoint_id"] == payloads[-2]["checkpoint"]["checkpoint_id"]
    for payload in of(events, "checkpoints"):
        assert set(payload["config"]["configurable"]) == {"thread_id", "checkpoint_id", "checkpoint_ns"}


@pytest.mark.parametrize("modes", [EVERY_MODE, ("messages",), ("events",), ("protocol",)])
async def test_nothing_that_only_the_server_knows_is_told(modes: tuple[str, ...]) -> None:
    events = await streamed(nested(), run_of(stream_mode=modes, stream_subgraphs=True), HI)
    assert events
    assert not [event for event in events if "secret" in event[1] or "langgraph_auth" in event[1]]


async def test_events_stand_beside_the_other_modes() -> None:
    events = await streamed(speaker(), run_of(stream_mode=("events", "values")), HI)
    assert names(events) == ["events", "values"]
    kinds = [event["event"] for event in of(events, "events")]
    assert kinds[0] == "on_chain_start"
    assert kinds[-1] == "on_chain_end"
    assert "on_chat_model_stream" in kinds
    assert of(events, "values")[-1]["messages"][-1]["content"] == SAID


async def test_what_a_graph_raises_comes_through() -> None:
    for modes in (("values",), ("events",), ("protocol",)):
        with pytest.raises(ValueError, match="no such city"):
            await streamed(failing(ValueError("no such city")), run_of(stream_mode=modes), HI)


@pytest.mark.parametrize("mode", ["values", "events", "protocol"])
async def test_a_reader_that_stops_stops_the_graph(mode: str) -> None:
    toolbox, run = Toolbox("search", hanging=["search"]), run_of(stream_mode=(mode,))

    async def read() -> None:
        async with aclosing(wire_events(toolbox.graph, run, input=HI, config=config_of(run))) as events:
            async for _ in events:
                pass

    reading = asyncio.create_task(read())
    await toolbox.reached.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}  # type: ignore[union-attr]


async def test_static_breakpoints_and_contexts_reach_the_graph() -> None:
    seen: list[Any] = []

    def look(state: MessagesState, runtime: Runtime[City]) -> None:
        seen.append(runtime.context)

    graph = StateGraph(MessagesState, context_schema=City).add_node("look", look)
    compiled = graph.add_edge(START, "look").compile()
    await streamed(compiled, run_of(interrupt_before=("look",)), HI, {"city": "Bergen"})
    assert seen == []
    await streamed(compiled, run_of(), HI, {"city": "Bergen"})
    assert seen == [{"city": "Bergen"}]


def test_a_run_begins_in_the_way_of_its_modes() -> None:
    run = run_of(stream_mode=("values",))
    assert [(name, json.loads(data)) for name, data in first(run, 2)] == [
        ("metadata", {"run_id": str(run.run_id), "attempt": 2})
    ]
    assert names(first(run_of(stream_mode=("chat",)), 1)) == ["run_started"]
    ((name, data),) = first(run_of(stream_mode=("protocol",)), 1)
    assert name == "protocol/lifecycle"
    assert json.loads(data)["data"] == {"event": "running", "graph_name": "speaker"}


@pytest.mark.parametrize(
    ("status", "waits", "event"),
    [
        ("success", False, "completed"),
        ("success", True, "interrupted"),
        ("interrupted", False, "interrupted"),
        ("error", False, "failed"),
        ("timeout", False, "failed"),
    ],
)
def test_a_run_ends_as_a_lifecycle(status: Any, waits: bool, event: str) -> None:
    code, detail = (None, None) if status == "success" else ("code", "detail")
    ((_, data),) = last(run_of(stream_mode=("protocol",)), status, code, detail, waits=waits)
    assert json.loads(data)["data"]["event"] == event
    assert ("error" in json.loads(data)["data"]) is (event == "failed")


def test_a_failure_is_an_error_event_and_success_says_nothing() -> None:
    run = run_of(stream_mode=("values", "updates"))
    assert last(run, "success") == []
    assert last(run, "interrupted", "cancelled", "The run was cancelled.") == []
    ((name, data),) = last(run, "error", "ValueError", "no such city")
    assert (name, json.loads(data)) == ("error", {"error": "ValueError", "message": "no such city"})


def test_a_chat_ends_with_its_usage_or_its_failure() -> None:
    run = run_of(stream_mode=("chat",))
    usage = {"offline": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}
    assert names(last(run, "success", usage=usage)) == ["usage", "run_ended"]
    ((name, data),) = last(run, "error", "unavailable", "The model does not answer.")
    assert (name, json.loads(data)["code"]) == ("run_failed", "unavailable")


def test_a_chat_does_not_repeat_what_python_said() -> None:
    run = run_of(stream_mode=("chat",))
    ((_, data),) = last(run, "error", "KeyError", "'sources'")
    told = json.loads(data)
    assert told["code"] == "internal_error"
    assert str(run.run_id) in told["detail"]

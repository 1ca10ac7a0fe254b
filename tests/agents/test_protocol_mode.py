import json
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.stream import StreamChannel, StreamTransformer
from langgraph.types import Command

from agents.modes import wire_events
from tests.agents.graphs import SAID, Events, Graph, asker, config_of, failing, nested, run_of, speaker, streamed

HI = {"messages": [HumanMessage("hi", id="hi")]}


async def protocol(graph: Graph, input: Any = HI, **request: Any) -> list[tuple[str, list[str], Any]]:
    """Method, namespace and data of each event."""
    return parsed(await streamed(graph, run_of(stream_mode=("protocol",), **request), input))


def parsed(events: Events) -> list[tuple[str, list[str], Any]]:
    told = []
    for name, data in events:
        params = json.loads(data)
        method, *namespace = name.removeprefix("protocol/").split("|")
        assert name.startswith("protocol/")
        assert params["namespace"] == namespace
        assert params["timestamp"] > 1_700_000_000_000
        told.append((method, namespace, params["data"]))
    return told


def of(events: list[tuple[str, list[str], Any]], method: str) -> list[Any]:
    return [data for named, _, data in events if named == method]


async def test_every_channel_is_told() -> None:
    methods = {method for method, _, _ in await protocol(nested())}
    assert methods == {"values", "updates", "messages", "lifecycle", "tasks", "checkpoints", "custom"}


async def test_a_message_streams_in_content_blocks() -> None:
    pieces = of(await protocol(speaker()), "messages")
    assert [piece["event"] for piece in pieces[:2]] == ["message-start", "content-block-start"]
    assert pieces[-1]["event"] == "message-finish"
    assert "".join(piece["delta"]["text"] for piece in pieces if "delta" in piece) == SAID


async def test_a_task_is_told_when_it_starts_and_when_it_ends() -> None:
    events = await protocol(speaker())
    started, ended = of(events, "tasks")
    assert started["name"] == ended["name"] == "speak"
    assert "result" not in started
    assert ended["error"] is None
    assert events.index(("tasks", [], started)) < [method for method, _, _ in events].index("messages")


async def test_a_subgraph_has_a_life_of_its_own() -> None:
    lives = [(namespace, data) for method, namespace, data in await protocol(nested()) if method == "lifecycle"]
    (namespace, started), (same, completed) = lives
    assert namespace == same == started["namespace"]
    assert (started["event"], started["graph_name"]) == ("started", "child")
    assert completed == {"event": "completed", "graph_name": "child"}


async def test_an_interrupt_is_requested_once_and_not_part_of_the_state() -> None:
    events = await protocol(asker())
    (requested,) = of(events, "input.requested")
    assert requested["payload"] == "ready?"
    assert requested["interrupt_id"]
    assert "__interrupt__" not in json.dumps(events)


async def test_an_interrupt_is_requested_where_it_happened() -> None:
    outer = StateGraph(MessagesState).add_node("child", asker().copy({"checkpointer": None}))
    events = await protocol(outer.add_edge(START, "child").compile(InMemorySaver()))
    ((_, namespace, _),) = [event for event in events if event[0] == "input.requested"]
    assert [segment.partition(":")[0] for segment in namespace] == ["child"]


async def test_an_answered_interrupt_is_not_requested_again() -> None:
    graph, run = asker(), run_of(stream_mode=("protocol",))
    await streamed(graph, run, HI)
    events = parsed(await streamed(graph, run, Command(resume="yes")))
    assert of(events, "input.requested") == []
    assert of(events, "values")[-1]["messages"][-1]["content"] == "yes"


async def test_checkpoints_are_told_once_as_a_chain() -> None:
    told = of(await protocol(speaker()), "checkpoints")
    assert [checkpoint["step"] for checkpoint in told] == [-1, 0, 1]
    assert [checkpoint["source"] for checkpoint in told] == ["input", "loop", "loop"]
    assert [checkpoint.get("parent_id") for checkpoint in told] == [None, *(each["id"] for each in told[:-1])]


def paired(events: list[tuple[str, list[str], Any]]) -> list[tuple[str, str | None, list[str]]]:
    """As LangGraph's JavaScript client does it: namespace, checkpoint (used once) and messages of each state."""
    buffered: dict[str, str] = {}
    states = []
    for method, namespace, data in events:
        place = "|".join(namespace)
        if method == "checkpoints":
            buffered[place] = data["id"]
        if method == "values":
            states.append((place, buffered.pop(place, None), ids(data)))
    return states


def ids(state: dict[str, Any]) -> list[str]:
    return [message["id"] if isinstance(message, dict) else message.id for message in state["messages"]]


@pytest.mark.parametrize("durability", ["async", "sync", "exit"])
async def test_a_state_comes_right_behind_its_checkpoint(durability: Any) -> None:
    graph, run = nested(), run_of(stream_mode=("protocol",), durability=durability)
    events = parsed(await streamed(graph, run, HI))
    states = paired(events)
    reached = [(place.partition(":")[0], len(told)) for place, _, told in states]
    assert reached == [("", 1), ("child", 1), ("child", 2), ("", 2)]
    assert all(events[at - 1][0] == "checkpoints" for at, event in enumerate(events) if event[0] == "values")
    checkpoints = {data["id"]: data for data in of(events, "checkpoints")}
    assert [checkpoints[id_ or ""]["step"] for _, id_, _ in states] == [0, 0, 1, 1]


async def test_the_checkpoint_before_a_state_leads_to_that_state() -> None:
    graph, run = caller("weather"), run_of(stream_mode=("protocol",))
    states = paired(parsed(await streamed(graph, run, HI)))
    assert len(states) == 3
    for _, id_, told in states:
        kept = await graph.aget_state({"configurable": {**config_of(run)["configurable"], "checkpoint_id": id_}})
        assert ids(kept.values) == told


async def test_a_resumed_run_begins_with_the_state_and_the_checkpoint_it_goes_on_from() -> None:
    graph, run = asker(), run_of(stream_mode=("protocol",))
    asked = paired(parsed(await streamed(graph, run, HI)))
    answered = paired(parsed(await streamed(graph, run, Command(resume="yes"))))
    # The question makes LangGraph tell the state again, which nothing has changed or saved.
    assert asked == [asked[0], ("", None, ["hi"])]
    assert answered[0] == asked[0]
    assert answered[1][1] not in (None, asked[0][1])


async def test_a_graph_without_checkpoints_tells_its_states_where_they_are_reached() -> None:
    events = await protocol(speaker().copy({"checkpointer": None}))
    assert of(events, "checkpoints") == []
    told = [method for method, _, _ in events if method in ("values", "tasks")]
    assert told == ["values", "tasks", "tasks", "values"]


@tool
def weather(city: str) -> str:
    """The weather."""
    return f"rain in {city}"


@tool
def broken(city: str) -> str:
    """Does not work."""
    raise ValueError("password=hunter2")


def caller(name: str) -> Graph:
    call = AIMessage("", id="call", tool_calls=[{"name": name, "args": {"city": "Bergen"}, "id": "c1"}])
    graph = StateGraph(MessagesState).add_node("agent", lambda _: {"messages": [call]})
    graph.add_node("tools", ToolNode([weather, broken], handle_tool_errors="It failed."))
    return graph.add_edge(START, "agent").add_edge("agent", "tools").compile(InMemorySaver())


async def test_a_tool_call_is_told_and_what_it_gave_back_is_a_message() -> None:
    events = await protocol(caller("weather"))
    started, finished = of(events, "tools")
    assert (started["event"], started["tool_name"], started["input"]) == (
        "tool-started",
        "weather",
        {"city": "Bergen"},
    )
    assert finished["output"]["content"] == "rain in Bergen"
    said = [data for method, namespace, data in events if method == "messages" and namespace == ["tools:c1"]]
    assert [data["event"] for data in said] == [
        "message-start", "content-block-start", "content-block-delta", "content-block-finish", "message-finish",
    ]  # fmt: skip
    assert said[0]["role"] == "tool"


async def test_the_text_of_a_tools_error_is_not_told_on_its_channel() -> None:
    events = await protocol(caller("broken"))
    assert of(events, "tools")[-1]["event"] == "tool-error"
    assert "hunter2" not in json.dumps(of(events, "tools"))


async def test_messages_in_the_state_are_in_standard_blocks() -> None:
    state = of(await protocol(caller("weather")), "values")[-1]["messages"]
    human, ai, result = state
    assert human == {"type": "human", "content": "hi", "id": "hi"}
    assert ai["tool_calls"] == [{"type": "tool_call", "name": "weather", "args": {"city": "Bergen"}, "id": "c1"}]
    assert (result["type"], result["tool_call_id"], result["status"]) == ("tool", "c1", "success")


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ("hi", {"type": "text", "text": "hi"}),
        ({"type": "image_url", "image_url": {"url": "x"}}, {"type": "image", "url": "x"}),
        ({"type": "image_url", "image_url": "x"}, {"type": "image", "url": "x"}),
        ({"type": "reasoning", "reasoning": "hm"}, {"type": "reasoning", "reasoning": "hm"}),
        (
            {"type": "thinking", "thinking": "hm"},
            {"type": "non_standard", "value": {"type": "thinking", "thinking": "hm"}},
        ),
    ],
)
async def test_content_is_in_standard_blocks(block: Any, shown: Any) -> None:
    graph = StateGraph(MessagesState).add_node("say", lambda _: {"messages": [AIMessage([block])]})
    state = of(await protocol(graph.add_edge(START, "say").compile()), "values")[-1]
    assert state["messages"][-1]["content"] == [shown]


class Secret(Exception):
    pass


@pytest.mark.parametrize(("error", "told"), [(ValueError("no such city"), True), (Secret("hunter2"), False)])
async def test_a_subgraph_fails_with_what_may_be_told(error: Exception, told: bool) -> None:
    graph = StateGraph(MessagesState).add_node("child", failing(error).copy({"checkpointer": None}))
    run = run_of(stream_mode=("protocol",))
    events: Events = []
    compiled: Graph = graph.add_edge(START, "child").compile(InMemorySaver())
    with pytest.raises(type(error)):
        async for event in wire_events(compiled, run, input=HI, config=config_of(run)):
            events.append(event)
    failed = of(parsed(events), "lifecycle")[-1]
    assert failed["event"] == "failed"
    assert ("no such city" in failed["error"]) is told
    assert "hunter2" not in json.dumps(events)


class Words(StreamTransformer):
    """Counts the words of each piece."""

    required_stream_modes = ("messages",)

    def init(self) -> dict[str, Any]:
        self._channel: StreamChannel[int] = StreamChannel("words")
        return {"words": self._channel}

    def process(self, event: Any) -> bool:
        if event["method"] == "messages":
            self._channel.push(1)
        return True


async def test_the_channels_of_a_graphs_own_transformers_are_custom() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage(SAID)]))

    async def speak(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("speak", speak).add_edge(START, "speak")
    told = of(await protocol(graph.compile(transformers=[Words])), "custom")
    assert {"name": "words", "payload": 1} in told

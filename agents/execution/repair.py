"""Tool calls that nobody answered, because a run was killed or cancelled inside of them, are closed.

A model's provider refuses a conversation in which a tool call has no result.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels import BinaryOperatorAggregate, DeltaChannel
from langgraph.errors import InvalidUpdateError
from langgraph.graph import END, START
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Overwrite

from agents.modes.checkpoints import POINTERS
from graphs.catalog.factories import AnyGraph

# What LangGraph and reducers raise over values that do not fit, also when a state is read that has them waiting.
UNFIT = (InvalidUpdateError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError)

INTERRUPTED = "This tool call was interrupted and has no result. It may have had an effect."


async def repair(graph: AnyGraph, config: RunnableConfig, given: Any) -> RunnableConfig:
    """For a run that is `given` new input: what came before it is closed. Returns the configuration to run with.

    Not for a command, nor for input None: those go on with what waits, be it a tool call or its approval.
    """
    if given is None or isinstance(given, Command) or not _gathers_messages(graph):
        return config
    answered = _answers_in(given)
    # Without the run's id: until its input is there, the newest checkpoint is not the run's.
    here: RunnableConfig = {"configurable": _pointers(config)}
    try:
        snapshot = await graph.aget_state(here)
    except UNFIT:
        # The last input was one that the graph refuses; this one takes its place.
        return config
    if len(closed(_messages(snapshot.values), answered)) == len(_messages(snapshot.values)):
        return config
    waiting = snapshot.next
    if waiting:
        # Tools that had finished beside the one that had not keep their results.
        here = await graph.aupdate_state(here, None, as_node=END)
        snapshot = await graph.aget_state(here)
    messages = _messages(snapshot.values)
    whole = closed(messages, answered)
    if len(whole) > len(messages):
        # Appended where possible: an overwritten history is stored once more.
        written = whole[len(messages) :] if whole[: len(messages)] == messages else Overwrite(whole)
        here = await graph.aupdate_state(here, {"messages": written}, as_node=_writer(graph, waiting))
    if "checkpoint_id" not in config["configurable"]:
        return config
    return {**config, "configurable": {**config["configurable"], **_pointers(here)}}


def closed(messages: Sequence[BaseMessage], answered: Collection[str] = ()) -> list[BaseMessage]:
    """`messages` with a result for each tool call that has none and is not `answered` elsewhere.

    It stands where a provider expects it: behind the call and its other results, before anything else.
    """
    known = {*answered, *(message.tool_call_id for message in messages if isinstance(message, ToolMessage))}
    whole: list[BaseMessage] = []
    missing: list[ToolMessage] = []
    for message in messages:
        if not isinstance(message, ToolMessage):
            whole += missing
            missing = list(_results(message, known))
        whole.append(message)
    return whole + missing


def _results(message: BaseMessage, known: Collection[str]) -> Iterator[ToolMessage]:
    for call in message.tool_calls if isinstance(message, AIMessage) else ():
        if (id_ := call["id"]) and id_ not in known:
            yield ToolMessage(INTERRUPTED, tool_call_id=id_, name=call["name"], status="error", id=str(uuid4()))


def _gathers_messages(graph: AnyGraph) -> bool:
    return isinstance(graph.channels.get("messages"), BinaryOperatorAggregate | DeltaChannel)


def _messages(values: Any) -> list[BaseMessage]:
    messages = values.get("messages", []) if isinstance(values, dict) else []
    return messages if all(isinstance(message, BaseMessage) for message in messages) else []


def _answers_in(given: Any) -> set[str]:
    """The calls that new input answers by itself, as it does when the caller runs the tools."""
    messages = given.get("messages", ()) if isinstance(given, dict) else ()
    each = messages if isinstance(messages, list | tuple) else [messages]
    ids = (
        message.get("tool_call_id") if isinstance(message, dict) else getattr(message, "tool_call_id", None)
        for message in each
    )
    return {id_ for id_ in ids if isinstance(id_, str)}


def _writer(graph: AnyGraph, waiting: Sequence[str]) -> str:
    """In whose name the results are written: best a node behind which nothing has to be decided."""
    nodes = [name for name in (*waiting, *graph.nodes) if name in graph.nodes and name != START]
    branches = graph.builder.branches if isinstance(graph, CompiledStateGraph) else {}
    return next((name for name in nodes if not branches.get(name)), nodes[0])


def _pointers(config: RunnableConfig) -> dict[str, Any]:
    found = {name: value for name, value in config["configurable"].items() if name in POINTERS}
    return {"checkpoint_ns": "", **found}

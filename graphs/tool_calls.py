"""The tool calls of a conversation: which are waiting, what they cost so far, and how they are answered."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypedDict
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall, ToolCall, ToolMessage

from core.storable import is_storable, is_storable_json
from tools.calling.valid import INVALID
from tools.definitions import NAME_PATTERN
from tools.toolbox import Wish

MAX_STEPS = 8  # times that a model may call tools before it has to answer
MAX_CALLS = 50
MAX_TOKENS = 200_000
MAX_INVALID = 3  # calls of one tool with wrong arguments

_LONGEST_ID = 64


class Artifact(TypedDict):
    """What a tool message says to programs; models are sent its text only."""

    outcome: str
    tool_call_id: str


def own_names(model_options: Mapping[str, Any]) -> set[str]:
    """Of the tools that the caller runs, not Atrium."""
    return {tool["function"]["name"] for tool in model_options.get("tools", ())}


def calling(messages: Sequence[BaseMessage]) -> AIMessage | None:
    """The last message, or that before its results, if it calls tools."""
    last = next((message for message in reversed(messages) if not isinstance(message, ToolMessage)), None)
    return last if isinstance(last, AIMessage) and calls_of(last) else None


def unanswered(messages: Sequence[BaseMessage]) -> bool:
    """Whether the last message that calls tools still waits for a result."""
    message = calling(messages)
    return message is not None and bool(waiting(message, messages, ()))


def calls_of(message: AIMessage) -> list[ToolCall]:
    """Those too whose arguments are no JSON: they have none."""
    garbled = [ToolCall(name=call["name"] or "", args={}, id=call["id"]) for call in message.invalid_tool_calls]
    return [*message.tool_calls, *garbled]


def waiting(message: AIMessage, messages: Sequence[BaseMessage], own: Collection[str]) -> list[Wish]:
    """Calls of `message` that nobody has answered, but for those of the caller's `own` tools."""
    answered = {each.tool_call_id for each in messages if isinstance(each, ToolMessage)}
    return [
        Wish(call["id"] or "", call["name"], call["args"])
        for call in calls_of(message)
        if call["id"] not in answered and call["name"] not in own
    ]


def identified(message: AIMessage, before: Sequence[BaseMessage], used: Collection[str] = ()) -> AIMessage:
    """With an id for every call that no other on the thread has, and names that a provider takes back.

    `used` are ids on branches of the thread that `before` knows nothing of.
    """
    taken = {str(call["id"]) for each in before if isinstance(each, AIMessage) for call in calls_of(each)}
    taken.update(used)
    calls = [_identified(call, taken) for call in message.tool_calls]
    garbled = [_identified(call, taken) for call in message.invalid_tool_calls]
    return message.model_copy(update={"tool_calls": calls, "invalid_tool_calls": garbled})


def sound(message: AIMessage, *, is_whole: bool) -> AIMessage:
    """Calls that were cut off, or whose arguments cannot be kept, have none: they are answered, but never made."""
    kept: list[ToolCall] = []
    lost: list[ToolCall | InvalidToolCall] = [*message.invalid_tool_calls]
    for call in message.tool_calls:
        (kept if is_whole and is_storable_json(call["args"]) else lost).append(call)
    garbled = [
        InvalidToolCall(
            type="invalid_tool_call", name=call["name"] or "", args=_written(call["args"]), id=call["id"], error=None
        )
        for call in lost
    ]
    return message.model_copy(update={"tool_calls": kept, "invalid_tool_calls": garbled})


def result(wish: Wish, text: str, outcome: str, tool_call_id: Any = None) -> ToolMessage:
    return ToolMessage(
        text,
        tool_call_id=wish.call_id,
        name=wish.name,
        status="success" if outcome == "succeeded" else "error",
        artifact=Artifact(outcome=outcome, tool_call_id=str(tool_call_id or "")),
        id=str(uuid4()),
    )


def is_exhausted(since: Sequence[BaseMessage]) -> bool:
    """Whether the model has to answer now: it has called often enough, or read and written enough."""
    answers = [message for message in since if isinstance(message, AIMessage)]
    tokens = sum(answer.usage_metadata["total_tokens"] for answer in answers if answer.usage_metadata)
    calls = sum(len(calls_of(answer)) for answer in answers)
    return len(answers) >= MAX_STEPS or calls >= MAX_CALLS or tokens >= MAX_TOKENS


def withdrawn(since: Sequence[BaseMessage]) -> set[str]:
    """Tools that the model does not know how to call: it had its tries."""
    invalid = [message.name or "" for message in since if _outcome(message) == INVALID]
    return {name for name in invalid if invalid.count(name) >= MAX_INVALID}


def _outcome(message: BaseMessage) -> str | None:
    artifact = message.artifact if isinstance(message, ToolMessage) else None
    return artifact.get("outcome") if isinstance(artifact, Mapping) else None


def _written(arguments: object) -> str:
    """As the model wrote them; providers refuse a call that comes back with anything but a string."""
    return arguments if isinstance(arguments, str) and is_storable(arguments) else ""


def _identified(call: Any, taken: set[str]) -> Any:
    id_, name = call["id"], call["name"] or ""
    if not id_ or len(id_) > _LONGEST_ID or not id_.isascii() or not id_.isprintable() or id_ in taken:
        id_ = f"call_{uuid4().hex}"
    taken.add(id_)
    if not re.fullmatch(NAME_PATTERN, name):
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", name[:64]) or "unnamed"
    return {**call, "id": id_, "name": name}

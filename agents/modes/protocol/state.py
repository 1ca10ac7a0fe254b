"""Messages inside of `values` and `updates`: fewer fields than elsewhere, content in standard blocks."""

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from agents.wire import encoded, fields_of

_TYPES = frozenset(("human", "ai", "system", "tool", "function", "remove"))
_BLOCKS = frozenset(
    (
        "text",
        "reasoning",
        "tool_call",
        "tool_call_chunk",
        "invalid_tool_call",
        "server_tool_call",
        "server_tool_call_chunk",
        "server_tool_call_result",
        "image",
        "audio",
        "video",
        "file",
        "non_standard",
    )
)


def state_encoded(value: Any) -> Any:
    """For `wire.dumps`: as `wire.encoded`, except for messages."""
    return _message(value) if isinstance(value, BaseMessage) else encoded(value)


def _message(message: BaseMessage) -> dict[str, Any]:
    if message.type not in _TYPES:
        return fields_of(message)
    shown: dict[str, Any] = {"type": message.type, "content": _content(message.content)}
    for field in ("id", "name", "response_metadata"):
        if value := getattr(message, field):
            shown[field] = value
    if isinstance(message, ToolMessage):
        shown |= {"tool_call_id": message.tool_call_id, "status": message.status, "artifact": message.artifact}
    if isinstance(message, AIMessage):
        if message.tool_calls:
            shown["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
        if message.invalid_tool_calls:
            shown["invalid_tool_calls"] = [_invalid_tool_call(call) for call in message.invalid_tool_calls]
    return shown


def _content(content: str | list[Any]) -> Any:
    return content if isinstance(content, str) else list(_blocks(content))


def _blocks(content: list[Any]) -> Iterator[Any]:
    for block in content:
        match block:
            case str():
                yield {"type": "text", "text": block}
            case {"type": str(kind)} if kind in _BLOCKS:
                yield block
            case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
                yield {"type": "image", "url": url}
            case {"type": "input_audio", "input_audio": dict(audio)}:
                yield {"type": "audio", **{name: audio[name] for name in ("data", "mime_type") if name in audio}}
            case {"type": str()}:
                yield {"type": "non_standard", "value": block}


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    return _without_none({"type": "tool_call", "name": call["name"], "args": call["args"], "id": call.get("id")})


def _invalid_tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: call.get(name) for name in ("id", "name", "args")}
    return _without_none({"type": "invalid_tool_call", **named, "error": call.get("error") or "Malformed args."})


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}

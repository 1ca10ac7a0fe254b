"""The answer in a graph's final values: text, tool calls for the caller, and citations."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Answer:
    """`tool_calls` and `annotations` are in OpenAI's format; offsets are in characters of `text`."""

    message_id: str | None
    text: str
    tool_calls: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    finish_reason: FinishReason

    @classmethod
    def among(cls, values: Any, *, cited: bool) -> "Answer | None":
        """The last AI message after the last human one; `cited` values are the built-in agent's."""
        message = _last_answer(values)
        if message is None:
            return None
        tool_calls = _tool_calls(message, _answered(values))
        return cls(
            message.get("id"),
            text_of(message["content"]),
            tool_calls,
            _annotations(values) if cited else [],
            "tool_calls" if tool_calls else _finish_reason(message),
        )


def text_of(content: Any) -> str:
    """Of a message's content: a string, or a list of blocks of which some hold text."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(block if isinstance(block, str) else block.get("text") or "" for block in blocks)


def _last_answer(values: Any) -> dict[str, Any] | None:
    messages = values.get("messages") if isinstance(values, dict) else None
    for message in reversed(messages if isinstance(messages, list) else []):
        kind = (message.get("type") or message.get("role")) if isinstance(message, dict) else None
        if kind in ("ai", "assistant", "AIMessageChunk"):
            found: dict[str, Any] = message
            return found
        if kind in ("human", "user"):
            return None
    return None


def _answered(values: dict[str, Any]) -> set[str]:
    """The calls that have results: registered tools are Atrium's to call."""
    return {message["tool_call_id"] for message in values["messages"] if "tool_call_id" in message}


def _tool_calls(message: dict[str, Any], answered: Collection[str]) -> list[dict[str, Any]]:
    """Those that the model garbled too: the caller sees what it said."""
    said = [(call, json.dumps(call["args"])) for call in message.get("tool_calls") or ()]
    garbled = [(call, call["args"] or "") for call in message.get("invalid_tool_calls") or ()]
    return [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": arguments}}
        for call, arguments in said + garbled
        if call["id"] not in answered
    ]


def _finish_reason(message: dict[str, Any]) -> FinishReason:
    match (message.get("response_metadata") or {}).get("finish_reason"):
        case "length":
            return "length"
        case "content_filter":
            return "content_filter"
        case _:
            return "stop"


def _annotations(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the claims that their source supports, in the answer's order; a URL is a path of ours."""
    sources = {source["number"]: source for source in values.get("sources") or ()}
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": citation["claim_start"],
                "end_index": citation["claim_end"],
                "title": citation["document_name"],
                "url": "/v1/knowledge-bases/{knowledge_base_id}/documents/{document_id}".format_map(
                    sources[citation["number"]]
                ),
            },
        }
        for citation in values.get("citations") or ()
        if citation["supported"] and citation["number"] in sources
    ]

"""Channel `tools`; what a tool gave back is told on `messages` once more, beside what the models say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import ToolMessage

from agents.modes.protocol.envelope import Envelope, envelope
from agents.wire import dumps

# The error itself did not come along: its text may be anybody's.
TOOL_FAILED = "The tool call failed."


def told_tool(data: Mapping[str, Any], namespace: Sequence[str], timestamp: int) -> Iterator[Envelope]:
    shown = {name: value for name, value in data.items() if name != "__node"}
    if shown["event"] == "tool-error":
        shown["message"] = TOOL_FAILED
    yield envelope("tools", namespace, shown, timestamp)
    if isinstance(output := shown.get("output"), ToolMessage):
        within = [*namespace, f"tools:{output.tool_call_id}"]
        for event in _said(output):
            yield envelope("messages", within, event, timestamp)


def _said(output: ToolMessage) -> Iterator[dict[str, Any]]:
    """A whole message, in the events of one that streams."""
    id_ = output.id or f"tool-{output.tool_call_id}"
    content = output.content if isinstance(output.content, str) else dumps(output.content)
    block = {"index": 0, "content": {"type": "text", "text": content}}
    yield {"event": "message-start", "role": "tool", "id": id_, "tool_call_id": output.tool_call_id}
    yield {"event": "content-block-start", "index": 0, "content": {"type": "text", "text": ""}}
    yield {"event": "content-block-delta", "delta": {"type": "text-delta", "text": content}, **block}
    yield {"event": "content-block-finish", **block}
    yield {"event": "message-finish", "metadata": {}}

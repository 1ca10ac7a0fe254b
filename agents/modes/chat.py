"""Mode `chat`: what the built-in agent does, as the typed events of /v1/chat."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.runnables import RunnableConfig

from agents.modes.chat_events import Citation, Interrupt, Sources, Status, ToolCall, ToolResult
from graphs import steps
from graphs.catalog.factories import AnyGraph

# What LangGraph streams in the place of a node that waits.
INTERRUPT = "__interrupt__"

_Told = Citation | Sources | Status | ToolCall | ToolResult


class Chat:
    """An event goes by its type. `state` gathers what the agent has found out so far."""

    MODES: ClassVar = ("updates", "messages")

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)

    @classmethod
    async def begin(cls, graph: AnyGraph, config: RunnableConfig, *, goes_on: bool) -> "Chat":
        """A run that goes on does not find out again what it knew."""
        return cls((await graph.aget_state(config)).values if goes_on else {})

    def opening(self) -> Iterator[tuple[str, Any]]:
        yield "status", Status(stage="searching")

    def told(self, mode: str, data: Any) -> Iterator[tuple[str, Any]]:
        if mode == "messages":
            chunk, metadata = data
            if metadata["langgraph_node"] == steps.RESPOND and isinstance(chunk, AIMessageChunk) and chunk.text:
                yield "token", {"type": "token", "text": chunk.text}
        elif mode == "updates":
            for node, update in data.items():
                if node == INTERRUPT:
                    yield from (("interrupt", Interrupt(interrupt_id=each.id, value=each.value)) for each in update)
                    continue
                self._state |= update or {}
                yield from ((event.type, event) for event in self._after(node, update or {}))

    def _after(self, node: str, update: Mapping[str, Any]) -> list[_Told]:
        state = self._state
        match node:
            case steps.RETRIEVE:
                return [Sources(question=state["question"], sources=state["sources"]), Status(stage="answering")]
            case steps.RESPOND:
                return _calls(update) or [Status(stage="citing")]
            case steps.REVIEW | steps.ACT:
                return _results(update)
            case steps.CITE:
                return [Citation(citation=citation) for citation in state["citations"]]
            case _:
                return []


def _calls(update: Mapping[str, Any]) -> list[_Told]:
    return [
        ToolCall(call_id=call["id"] or "", name=call["name"], arguments=call["args"])
        for message in update.get("messages", ())
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    ]


def _results(update: Mapping[str, Any]) -> list[_Told]:
    return [
        ToolResult(
            call_id=message.tool_call_id,
            name=message.name or "",
            outcome=(message.artifact or {}).get("outcome", message.status),
            text=message.text,
        )
        for message in update.get("messages", ())
        if isinstance(message, ToolMessage)
    ]

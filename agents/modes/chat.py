"""Mode `chat`: what the built-in agent does, as the typed events of /v1/chat."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableConfig

from agents.modes.chat_events import Citation, Sources, Status
from graphs.catalog.factories import AnyGraph
from graphs.chat import CITE, RESPOND, RETRIEVE


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
            if metadata["langgraph_node"] == RESPOND and isinstance(chunk, AIMessageChunk) and chunk.text:
                yield "token", {"type": "token", "text": chunk.text}
        elif mode == "updates":
            for node, update in data.items():
                self._state |= update
                yield from ((event.type, event) for event in self._after(node))

    def _after(self, node: str) -> list[Sources | Status | Citation]:
        state = self._state
        if node == RETRIEVE:
            return [Sources(question=state["question"], sources=state["sources"]), Status(stage="answering")]
        if node == RESPOND:
            return [Status(stage="citing")]
        if node == CITE:
            return [Citation(citation=citation) for citation in state["citations"]]
        return []

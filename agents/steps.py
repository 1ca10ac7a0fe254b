"""What the chat graph says while it runs, told as events."""

from collections.abc import AsyncIterator
from typing import Any

from langchain_core.messages import AIMessageChunk

from agents.events import Citation, RunEvent, Sources, Status, Token
from graphs.chat import CITE, RESPOND, RETRIEVE


async def told(steps: AsyncIterator[tuple[str, Any]], state: dict[str, Any]) -> AsyncIterator[RunEvent]:
    """`steps` is a stream of the modes `updates` and `messages`; `state` gathers the values they set."""
    yield Status(stage="searching")
    async for mode, data in steps:
        if mode == "messages":
            chunk, metadata = data
            if metadata["langgraph_node"] == RESPOND and isinstance(chunk, AIMessageChunk) and chunk.text:
                yield Token(text=chunk.text)
        else:
            for node, update in data.items():
                state |= update
                for event in _after(node, state):
                    yield event


def _after(node: str, state: dict[str, Any]) -> list[RunEvent]:
    if node == RETRIEVE:
        return [Sources(question=state["question"], sources=state["sources"]), Status(stage="answering")]
    if node == RESPOND:
        return [Status(stage="citing")]
    if node == CITE:
        return [Citation(citation=citation) for citation in state["citations"]]
    return []

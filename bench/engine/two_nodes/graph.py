"""Two nodes, of which the second streams fifty tokens, one every ten milliseconds: the same for every server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langgraph.graph import START, StateGraph
from langgraph.graph.message import MessagesState

TOKENS = 50
SECONDS_BETWEEN = 0.01


class Teller(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "teller"

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for number in range(TOKENS):
            await asyncio.sleep(SECONDS_BETWEEN)
            yield ChatGenerationChunk(message=AIMessageChunk(content=f"token-{number} "))

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError


class Prepared(MessagesState):
    topic: str


async def prepare(state: Prepared) -> dict[str, Any]:
    return {"topic": state["messages"][-1].text}


async def tell(state: Prepared) -> dict[str, Any]:
    return {"messages": [await Teller().ainvoke(state["messages"])]}


builder = StateGraph(Prepared)
builder.add_node("prepare", prepare)
builder.add_node("tell", tell)
builder.add_edge(START, "prepare")
builder.add_edge("prepare", "tell")
graph = builder.compile()

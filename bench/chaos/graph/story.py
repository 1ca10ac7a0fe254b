"""An agent without surprises: it speaks, calls a tool and speaks again, word by word, the same for every question.

A question is `<key> <words> <pause>`: its answer has so many words, a pause in milliseconds before each.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import tools_condition

TOOL_SECONDS = 0.3


class Narrator(BaseChatModel):
    words: tuple[str, ...]
    pause_seconds: float

    @property
    def _llm_type(self) -> str:
        return "narrator"

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for word in self.words:
            await asyncio.sleep(self.pause_seconds)
            yield ChatGenerationChunk(message=AIMessageChunk(content=f"{word} "))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages))

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError


def question_in(messages: list[AnyMessage]) -> tuple[str, int, float]:
    """Key, number of words, seconds before each."""
    asked = next(message for message in reversed(messages) if message.type == "human")
    key, words, pause = asked.text.split()
    return key, int(words), float(pause) / 1000


async def look(state: MessagesState) -> dict[str, Any]:
    key, words, pause = question_in(state["messages"])
    said = await Narrator(words=("Looking", "up", key), pause_seconds=pause).ainvoke(state["messages"])
    call = {"name": "pages", "args": {"words": words}, "id": f"call-{key}", "type": "tool_call"}
    return {"messages": [AIMessage(said.content, tool_calls=[call])]}


async def tools(state: MessagesState) -> dict[str, Any]:
    await asyncio.sleep(TOOL_SECONDS)
    called = state["messages"][-1]
    assert isinstance(called, AIMessage)
    return {
        "messages": [ToolMessage(f"pages of {call['id']}", tool_call_id=call["id"]) for call in called.tool_calls]
    }


async def tell(state: MessagesState) -> dict[str, Any]:
    key, words, pause = question_in(state["messages"])
    story = (f"story-{key}", *(f"word-{number}" for number in range(words)))
    return {"messages": [await Narrator(words=story, pause_seconds=pause).ainvoke(state["messages"])]}


builder = StateGraph(MessagesState)
builder.add_node("look", look)
builder.add_node("tools", tools)
builder.add_node("tell", tell)
builder.add_edge(START, "look")
builder.add_conditional_edges("look", tools_condition, ["tools", "__end__"])
builder.add_edge("tools", "tell")
graph = builder.compile()

"""The model answers from the sources; its tokens stream out of this node."""

from typing import Any

from langchain_core.language_models import BaseChatModel

from core.llm.prompts import Source as PromptSource
from core.llm.prompts import answer_messages
from graphs.state import ChatState, Source


async def respond(state: ChatState, *, model: BaseChatModel) -> dict[str, Any]:
    *history, _ = state["messages"]
    sources = [PromptSource(source["number"], _title(source), source["text"]) for source in state["sources"]]
    answer = await model.ainvoke(answer_messages(state["question"], sources, history))
    return {"messages": [answer]}


def _title(source: Source) -> str:
    return " › ".join([source["document_name"], *source["headings"]])

"""The model answers from the sources, or calls the caller's tools; its tokens stream out of this node."""

from collections.abc import Callable
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.runtime import Runtime

from core.llm.prompts import Source as PromptSource
from core.llm.prompts import answer_messages
from graphs import exchange
from graphs.context import Context
from graphs.state import ChatState, Source


async def respond(
    state: ChatState,
    runtime: Runtime[Context],
    *,
    model: BaseChatModel,
    context_of: Callable[[Runtime[Context]], Context],
) -> dict[str, Any]:
    now = exchange.newest(state["messages"])
    sources = [PromptSource(source["number"], _title(source), source["text"]) for source in state["sources"]]
    options = context_of(runtime).model_options
    messages = answer_messages(
        state["question"], sources, now.history, instructions=now.instructions, with_tools="tools" in options
    )
    answer = await model.ainvoke([*messages, *now.since], **options)
    return {"messages": [answer]}


def _title(source: Source) -> str:
    return " › ".join([source["document_name"], *source["headings"]])

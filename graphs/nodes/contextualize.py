"""A follow-up becomes a question that can be searched for by itself."""

from typing import Any

from langchain_core.language_models import BaseChatModel

from core.llm.prompts import rewrite_messages
from graphs import exchange
from graphs.state import ChatState


async def contextualize(state: ChatState, *, model: BaseChatModel) -> dict[str, Any]:
    now = exchange.newest(state["messages"])
    if now.since and "question" in state:
        # Results of the caller's tools have come: what is asked is still the same.
        return {"question": state["question"]}
    if not now.history:
        return {"question": now.asked.text}
    rewritten = await model.ainvoke(rewrite_messages(now.asked.text, now.history))
    return {"question": rewritten.text.strip() or now.asked.text}

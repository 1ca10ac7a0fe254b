"""A follow-up becomes a question that can be searched for by itself."""

from typing import Any

from langchain_core.language_models import BaseChatModel

from core.llm.prompts import rewrite_messages
from graphs.state import ChatState


async def contextualize(state: ChatState, *, model: BaseChatModel) -> dict[str, Any]:
    *history, follow_up = state["messages"]
    if not history:
        return {"question": follow_up.text}
    rewritten = await model.ainvoke(rewrite_messages(follow_up.text, history))
    return {"question": rewritten.text.strip() or follow_up.text}

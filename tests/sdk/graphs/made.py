"""A graph made anew for each use: it tells what it was made for, and for whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph_sdk.runtime import ServerRuntime
from typing_extensions import TypedDict


class Made(TypedDict, total=False):
    tone: str
    access: str
    user: str | None


@asynccontextmanager
async def make_graph(config: RunnableConfig, runtime: ServerRuntime[Any]) -> AsyncIterator[StateGraph[Made]]:
    def tell(state: Made) -> Made:
        tone = config.get("configurable", {}).get("tone", "plain")
        user = None if runtime.user is None else runtime.user.identity
        return {"tone": tone, "access": runtime.access_context, "user": user}

    yield StateGraph(Made).add_node("tell", tell).add_edge(START, "tell")

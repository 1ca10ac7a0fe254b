"""A graph of two steps that stops between them until the test lets it go on."""

import asyncio
import operator
from collections import defaultdict
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from graphs.catalog.loading import OwnGraph


class Steps(TypedDict):
    steps: Annotated[list[str], operator.add]


class Gates:
    """`reached` and `open` by the name that a run was started with; `executed` counts how often each step ran."""

    def __init__(self) -> None:
        self.reached: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.open: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.executed: defaultdict[str, int] = defaultdict(int)

    def graphs(self) -> dict[str, OwnGraph]:
        graph = StateGraph(Steps)
        graph.add_node("one", self._one)
        graph.add_node("two", self._two)
        graph.add_edge(START, "one")
        graph.add_edge("one", "two")
        graph.add_edge("two", END)
        return {"gated": OwnGraph(graph.compile(), None)}

    async def _one(self, state: Steps, runtime: Runtime[Any]) -> dict[str, Any]:
        name = state["steps"][-1]
        self.executed[f"{name}:one"] += 1
        return {"steps": [f"{name}:one"]}

    async def _two(self, state: Steps) -> dict[str, Any]:
        name = state["steps"][-1].removesuffix(":one")
        self.executed[f"{name}:two"] += 1
        self.reached[name].set()
        await self.open[name].wait()
        return {"steps": [f"{name}:two"]}

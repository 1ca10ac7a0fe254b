"""Two steps; before the second it waits until an item of that name is in the store, as long as a test needs."""

import asyncio
import operator
from typing import Annotated, Any

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

GATES = ("gates",)
LOOK_SECONDS = 0.02


class Steps(TypedDict, total=False):
    gate: str
    steps: Annotated[list[str], operator.add]


async def arrive(state: Steps) -> dict[str, Any]:
    return {"steps": [f"{state['gate']} arrived"]}


async def wait(state: Steps, runtime: Runtime[Any]) -> dict[str, Any]:
    write = get_stream_writer()
    write({"waiting": state["gate"]})
    assert runtime.store is not None, "the server gives every graph its store"
    while await runtime.store.aget(GATES, state["gate"]) is None:  # noqa: ASYNC110, another process opens it
        await asyncio.sleep(LOOK_SECONDS)
    for number in range(10):
        write({"passing": number})
    return {"steps": [f"{state['gate']} passed"]}


builder = StateGraph(Steps)
builder.add_node("arrive", arrive)
builder.add_node("wait", wait)
builder.add_edge(START, "arrive")
builder.add_edge("arrive", "wait")
builder.add_edge("wait", END)
graph = builder.compile()

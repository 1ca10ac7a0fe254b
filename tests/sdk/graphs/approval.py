"""Asks before it acts, and acts as it was told."""

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Order(TypedDict, total=False):
    item: str
    outcome: str


def ask(state: Order) -> dict[str, Any]:
    answer = interrupt({"question": f"Buy {state['item']}?"})
    return {"outcome": f"{state['item']}: {answer}"}


builder = StateGraph(Order)
builder.add_node("ask", ask)
builder.add_edge(START, "ask")
builder.add_edge("ask", END)
graph = builder.compile()

"""A graph inside of another: the inner one shouts what the outer one was given."""

from typing import Any

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict


class Text(TypedDict):
    text: str


def shout(state: Text) -> dict[str, Any]:
    return {"text": state["text"].upper()}


def sign(state: Text) -> dict[str, Any]:
    return {"text": f"{state['text']}!"}


inner = StateGraph(Text).add_node("shout", shout).add_edge(START, "shout").compile()
builder = StateGraph(Text)
builder.add_node("inner", inner)
builder.add_node("sign", sign)
builder.add_edge(START, "inner")
builder.add_edge("inner", "sign")
builder.add_edge("sign", END)
graph = builder.compile()

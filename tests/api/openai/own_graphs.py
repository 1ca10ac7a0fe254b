"""Graphs of one's own, as people write them: each does one thing that a chat completion has to tell."""

from itertools import pairwise
from typing import Any

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt


async def speak(state: MessagesState) -> dict[str, Any]:
    model = GenericFakeChatModel(messages=iter([AIMessage("First I think.")]))
    return {"messages": [await model.ainvoke(state["messages"])]}


def conclude(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
    tools = config["configurable"].get("tools", [])
    names = ", ".join(tool["function"]["name"] for tool in tools)
    return {"messages": [AIMessage(f"{len(state['messages'])} messages; tools: {names or 'none'}")]}


def fail(state: MessagesState) -> dict[str, Any]:
    raise ValueError("the moon is not full")


def wait(state: MessagesState) -> dict[str, Any]:
    return {"messages": [AIMessage(str(interrupt("May I?")))]}


def keep_quiet(state: MessagesState) -> dict[str, Any]:
    return {}


def _graph(*nodes: Any) -> Any:
    graph = StateGraph(MessagesState)
    names = [START, *(node.__name__ for node in nodes), END]
    for node in nodes:
        graph.add_node(node)
    for one, other in pairwise(names):
        graph.add_edge(one, other)
    return graph.compile()


thinker = _graph(speak, conclude)
failing = _graph(speak, fail)
waiting = _graph(wait)
silent = _graph(keep_quiet)

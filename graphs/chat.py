"""The chat graph: contextualize → retrieve → respond → cite, and respond → review → act → respond for tools."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from langchain_core.language_models import BaseChatModel
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graphs import tool_calls
from graphs.context import Context
from graphs.nodes.act import act
from graphs.nodes.cite import cite
from graphs.nodes.contextualize import contextualize
from graphs.nodes.respond import respond
from graphs.nodes.retrieve import retrieve
from graphs.nodes.review import review
from graphs.state import ChatState
from graphs.steps import ACT, CITE, CONTEXTUALIZE, RESPOND, RETRIEVE, REVIEW
from retrieval.retriever import Retriever
from tools.toolbox import Toolbox

ChatGraphBuilder = StateGraph[ChatState, Context, ChatState, ChatState]
ContextOf = Callable[[Runtime[Context]], Context]


def context_of(runtime: Runtime[Context]) -> Context:
    return runtime.context


def chat_graph(
    retriever: Retriever, model: BaseChatModel, toolbox: Toolbox, *, context_of: ContextOf = context_of
) -> ChatGraphBuilder:
    """The graph, ready to compile. `context_of` is for doors that bring no context, such as Studio."""
    graph = StateGraph(ChatState, context_schema=Context)
    graph.add_node(CONTEXTUALIZE, partial(contextualize, model=model))
    graph.add_node(RETRIEVE, partial(retrieve, retriever=retriever, context_of=context_of))
    graph.add_node(RESPOND, partial(respond, model=model, toolbox=toolbox, context_of=context_of))
    graph.add_node(
        REVIEW, partial(review, toolbox=toolbox, context_of=context_of), destinations=(REVIEW, ACT, RESPOND, CITE)
    )
    graph.add_node(ACT, partial(act, toolbox=toolbox, context_of=context_of))
    graph.add_node(CITE, cite)
    graph.add_edge(START, CONTEXTUALIZE)
    graph.add_edge(CONTEXTUALIZE, RETRIEVE)
    graph.add_edge(RETRIEVE, RESPOND)
    graph.add_conditional_edges(RESPOND, _after_answer)
    graph.add_conditional_edges(ACT, _after_calls)
    graph.add_edge(CITE, END)
    return graph


def _after_answer(state: ChatState) -> Literal["review", "cite"]:
    return REVIEW if tool_calls.unanswered(state["messages"]) else CITE


def _after_calls(state: ChatState) -> Literal["review", "respond"]:
    """The model goes on when each of its calls has a result."""
    return REVIEW if tool_calls.unanswered(state["messages"]) else RESPOND

"""The chat graph: contextualize → retrieve → respond → cite."""

from collections.abc import Callable
from functools import partial

from langchain_core.language_models import BaseChatModel
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.nodes.cite import cite
from graphs.nodes.contextualize import contextualize
from graphs.nodes.respond import respond
from graphs.nodes.retrieve import retrieve
from graphs.state import ChatState
from retrieval.retriever import Retriever

CONTEXTUALIZE, RETRIEVE, RESPOND, CITE = "contextualize", "retrieve", "respond", "cite"

ChatGraphBuilder = StateGraph[ChatState, Context, ChatState, ChatState]


def context_of(runtime: Runtime[Context]) -> Context:
    return runtime.context


def chat_graph(
    retriever: Retriever,
    model: BaseChatModel,
    *,
    context_of: Callable[[Runtime[Context]], Context] = context_of,
) -> ChatGraphBuilder:
    """The graph, ready to compile. `context_of` is for doors that bring no context, such as Studio."""
    graph = StateGraph(ChatState, context_schema=Context)
    graph.add_node(CONTEXTUALIZE, partial(contextualize, model=model))
    graph.add_node(RETRIEVE, partial(retrieve, retriever=retriever, context_of=context_of))
    graph.add_node(RESPOND, partial(respond, model=model, context_of=context_of))
    graph.add_node(CITE, cite)
    graph.add_edge(START, CONTEXTUALIZE)
    graph.add_edge(CONTEXTUALIZE, RETRIEVE)
    graph.add_edge(RETRIEVE, RESPOND)
    graph.add_edge(RESPOND, CITE)
    graph.add_edge(CITE, END)
    return graph

"""Every graph that is served: the built-in agent, and those of a langgraph.json."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import UUID, uuid5

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.store.base import BaseStore
from langgraph_sdk.runtime import AccessContext, _ExecutionRuntime, _ReadRuntime

from core.errors import NotFound, OperatorError
from core.llm.provider import chat_model
from core.settings import Settings
from graphs.catalog import loading
from graphs.catalog.auth_user import AuthUser
from graphs.catalog.factories import AnyGraph, AnyRuntime, Factory
from graphs.catalog.loading import OwnGraph
from graphs.chat import ChatGraphBuilder, chat_graph
from graphs.checkpoints.admitted_types import admitted_types
from graphs.client_context import agent_context
from retrieval.embeddings import LocalEmbeddings, RemoteEmbeddings
from retrieval.retriever import Retriever
from tools.calls import Caller
from tools.toolbox import Toolbox

log = logging.getLogger(__name__)

AGENT = "agent"
# What the built-in agent is called when a langgraph.json has an `agent` of its own.
ATRIUM_AGENT = "atrium"

_NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
_UNNAMED = "LangGraph"


def default_assistant_id(graph_id: str) -> UUID:
    """The same in every tenant, and the same as LangGraph's own servers give it."""
    return uuid5(_NAMESPACE, graph_id)


class Catalog:
    """`graph_ids` in the order they are shown; `agent_id` is the built-in agent's."""

    def __init__(self, agent: ChatGraphBuilder, own: Mapping[str, OwnGraph] | None = None) -> None:
        own = own or {}
        self.agent_id = ATRIUM_AGENT if AGENT in own else AGENT
        if self.agent_id in own:
            raise OperatorError(f"The langgraph.json names both {AGENT} and {ATRIUM_AGENT}; rename one of them.")
        built_in = OwnGraph(agent.compile(name=self.agent_id), "Answers from the tenant's documents, with citations.")
        self._graphs = {self.agent_id: built_in, **own}
        self.graph_ids = tuple(self._graphs)
        self._admitted = {
            graph_id: admitted_types(each.graph)
            for graph_id, each in self._graphs.items()
            if not isinstance(each.graph, Factory)
        }

    def require(self, graph_id: str) -> str:
        """The id itself. Raises `NotFound` when there is no such graph."""
        if graph_id not in self._graphs:
            raise NotFound("graph")
        return graph_id

    def name_of(self, graph_id: str) -> str:
        """What its author called it, or else its id."""
        graph = self._graphs[graph_id].graph
        named = "" if isinstance(graph, Factory) or graph.name == _UNNAMED else graph.name
        return (named or graph_id)[:200]

    def description_of(self, graph_id: str) -> str | None:
        description = self._graphs[graph_id].description
        return description[:2000] if description else None

    def context_for(self, graph_id: str, caller: Caller, context: dict[str, Any]) -> Any:
        """What the graph's nodes find in `runtime.context`; `context` is the client's, cleaned. Raises `Invalid`."""
        return agent_context(caller, context) if graph_id == self.agent_id else context

    def durability_of(self, graph_id: str) -> Literal["sync"] | None:
        """Whatever a client asks: no tool is called before what asked for it is stored."""
        return "sync" if graph_id == self.agent_id else None

    @asynccontextmanager
    async def open(
        self,
        graph_id: str,
        *,
        config: RunnableConfig,
        access: AccessContext,
        store: BaseStore,
        checkpointer: BaseCheckpointSaver[Any] | None,
        context: Any = None,
    ) -> AsyncIterator[AnyGraph]:
        """The graph with this memory, for one use. Raises `NotFound`, and what a factory of your own raises."""
        found = self._graphs[self.require(graph_id)].graph
        if not isinstance(found, Factory):
            yield _with_memory(found, graph_id, self._admitted[graph_id], store, checkpointer)
            return
        async with found.build(config, _runtime(access, config, store, context)) as made:
            yield _with_memory(made, graph_id, admitted_types(made), store, checkpointer)


@asynccontextmanager
async def open_catalog(
    settings: Settings, embeddings: LocalEmbeddings | RemoteEmbeddings, retriever: Retriever, toolbox: Toolbox
) -> AsyncIterator[Catalog]:
    """Raises `OperatorError`, which names the graph of ATRIUM_GRAPHS that cannot be served and why."""
    own = await asyncio.to_thread(loading.load, settings.graphs) if settings.graphs is not None else {}
    model = chat_model(settings.chat_model, offline=embeddings)
    catalog = Catalog(chat_graph(retriever, model, toolbox), own)
    if catalog.agent_id != AGENT:
        log.warning("the langgraph.json has an %s of its own; the built-in one is now %s", AGENT, catalog.agent_id)
    yield catalog


def _with_memory(
    graph: AnyGraph,
    graph_id: str,
    admitted: Collection[tuple[str, ...]],
    store: BaseStore,
    checkpointer: BaseCheckpointSaver[Any] | None,
) -> AnyGraph:
    named = {"name": graph_id} if graph.name == _UNNAMED else {}
    if checkpointer is not None:
        checkpointer = checkpointer.with_allowlist(admitted)
    return graph.copy(update={"checkpointer": checkpointer, "store": store, **named})


def _runtime(access: AccessContext, config: RunnableConfig, store: BaseStore, context: Any) -> AnyRuntime:
    fields = (config.get("configurable") or {}).get("langgraph_auth_user")
    user = None if fields is None else AuthUser(fields)
    if access == "threads.create_run":
        return _ExecutionRuntime(access_context=access, user=user, store=store, context=context)
    return _ReadRuntime(access_context=access, user=user, store=store)

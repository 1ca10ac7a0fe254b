"""What a graph looks like from outside: its drawing, its schemas, its subgraphs."""

import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from langgraph.pregel import Pregel
from pydantic import PydanticUserError, TypeAdapter, create_model

from agents.assistants.assistants import Assistant
from agents.engine import Engine
from core.errors import Invalid
from core.tenancy import TenantContext
from graphs.catalog.factories import AnyGraph
from graphs.checkpoints.checkpointer import TenantSaver
from graphs.client_context import ClientContext
from graphs.context import Context
from graphs.store import TenantStore

Schema = dict[str, Any]

# What pydantic, and the types of graphs that are not ours, answer when there is no JSON schema for them.
_NO_SCHEMA = (PydanticUserError, NameError, TypeError, ValueError, AttributeError, NotImplementedError)


@asynccontextmanager
async def opened(engine: Engine, ctx: TenantContext, assistant: Assistant) -> AsyncIterator[AnyGraph]:
    """The assistant's graph, to be looked at and not to be run."""
    async with engine.catalog.open(
        assistant.graph_id,
        config={"configurable": assistant.config.get("configurable", {})},
        access="assistants.read",
        store=TenantStore(engine.database, ctx, engine.embeddings),
        checkpointer=TenantSaver(engine.database, ctx),
    ) as graph:
        yield graph


async def drawing(graph: AnyGraph, *, xray: bool | int = False) -> dict[str, list[dict[str, Any]]]:
    """`nodes` and `edges`; `xray` opens subgraphs, a number down to that depth. Raises `Invalid`."""
    try:
        drawn = (await graph.aget_graph(xray=xray)).to_json()
    except NotImplementedError as exc:
        raise Invalid("This graph cannot be drawn.") from exc
    for node in drawn["nodes"]:
        if isinstance(data := node.get("data"), dict):
            data.pop("id", None)
    return drawn


async def subgraphs(graph: AnyGraph, *, namespace: str | None = None, recurse: bool = False) -> dict[str, Schema]:
    """The schemas of each subgraph that runs here, by its namespace."""
    found = graph.aget_subgraphs(namespace=namespace, recurse=recurse)
    return {name: schemas(subgraph) async for name, subgraph in found if isinstance(subgraph, Pregel)}


def schemas(graph: AnyGraph) -> Schema:
    """JSON schemas; None where a type has none."""
    context = _context_schema(graph)
    return {
        "input_schema": _schema(graph.get_input_jsonschema),
        "output_schema": _schema(graph.get_output_jsonschema),
        "state_schema": _schema(lambda: _state_schema(graph)),
        "config_schema": context or {},
        "context_schema": context,
    }


def _context_schema(graph: AnyGraph) -> Schema | None:
    if graph.context_schema is Context:
        return ClientContext.model_json_schema()
    return _schema(graph.get_context_jsonschema)


def _state_schema(graph: AnyGraph) -> Schema:
    """Of what updates each channel."""
    fields: dict[str, Any] = {name: (_kind(graph.channels[name]), None) for name in graph.stream_channels_list}
    return TypeAdapter(create_model(graph.get_name("State"), **fields)).json_schema()


def _kind(channel: object) -> Any:
    """The type that updates it, or anything where that type has no schema."""
    kind = getattr(channel, "UpdateType", Any)
    return Any if _schema(lambda: TypeAdapter(kind).json_schema()) is None else kind


def _schema(make: Callable[[], Schema | None]) -> Schema | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            return make()
    except _NO_SCHEMA:
        return None

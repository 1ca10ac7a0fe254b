"""Which types of a graph's own may be made again from a checkpoint: those that its state is declared with."""

from typing import Any

from langgraph._internal import _serde
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel


def admitted_types(graph: Pregel[Any, Any, Any, Any]) -> set[tuple[str, ...]]:
    """Module and name of each, subgraphs included: for `TenantSaver.with_allowlist`."""
    subgraphs = (subgraph for _, subgraph in graph.get_subgraphs(recurse=True))
    return set().union(*(_declared(each) for each in (graph, *subgraphs)))


def _declared(graph: Any) -> set[tuple[str, ...]]:
    schemas: list[type[Any]] = []
    if isinstance(graph, CompiledStateGraph):
        builder = graph.builder
        schemas = [builder.state_schema, *(node.input_schema for node in builder.nodes.values())]
    return _serde.collect_allowlist_from_schemas(schemas=schemas, channels=graph.channels)

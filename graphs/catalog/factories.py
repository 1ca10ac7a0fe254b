"""Graphs made anew for each use: a function of a langgraph.json, and what it wants to be called with."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from langchain_core.runnables import RunnableConfig
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph_sdk import runtime as sdk
from langgraph_sdk.runtime import ServerRuntime

from core.errors import OperatorError

AnyGraph = Pregel[Any, Any, Any, Any]
AnyRuntime = sdk._ExecutionRuntime[Any] | sdk._ReadRuntime[Any]


@dataclass(frozen=True, slots=True)
class Factory:
    """`function` and the names of its parameters for a `RunnableConfig` and a `ServerRuntime`, where it has them."""

    function: Callable[..., Any]
    config: str | None
    runtime: str | None

    @asynccontextmanager
    async def build(self, config: RunnableConfig, runtime: AnyRuntime) -> AsyncIterator[AnyGraph]:
        """The graph, until whatever the function opened for it is closed. Raises what the function raises."""
        arguments: dict[str, Any] = {}
        if self.config is not None:
            arguments[self.config] = config
        if self.runtime is not None:
            arguments[self.runtime] = runtime
        async with AsyncExitStack() as opened:
            made = self.function(**arguments)
            if inspect.isawaitable(made):
                made = await made
            if isinstance(made, AbstractAsyncContextManager):
                made = await opened.enter_async_context(made)
            elif isinstance(made, AbstractContextManager):
                made = opened.enter_context(made)
            yield compiled(made)


def factory(function: Callable[..., Any]) -> Factory:
    """Raises `OperatorError` for parameters that nobody can fill."""
    # The parameters of a generator are those of the context manager it becomes.
    if inspect.isasyncgenfunction(function):
        function = asynccontextmanager(function)
    elif inspect.isgeneratorfunction(function):
        function = contextmanager(function)
    parameters = inspect.signature(function).parameters.values()
    named = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    runtimes = [each.name for each in named if _is_runtime(each.annotation, function)]
    others = [each for each in named if each.name not in runtimes]
    if len(runtimes) > 1 or any(each.default is each.empty for each in others[1:]):
        raise OperatorError(
            "A graph's factory takes nothing, a `config: RunnableConfig`, a `runtime: ServerRuntime`, or both; "
            f"this one takes {', '.join(each.name for each in named)}."
        )
    return Factory(function, others[0].name if others else None, runtimes[0] if runtimes else None)


def compiled(graph: Any) -> AnyGraph:
    """Raises `OperatorError` for anything but a graph."""
    if isinstance(graph, StateGraph):
        return graph.compile()
    if isinstance(graph, Pregel):
        return graph
    raise OperatorError(f"A graph or a function that makes one is wanted, not {type(graph).__name__}.")


def _is_runtime(annotation: Any, function: Callable[..., Any]) -> bool:
    if isinstance(annotation, str):
        # Often imported for type checkers only: then its name must do.
        name = annotation.partition("[")[0]
        found = getattr(inspect.unwrap(function), "__globals__", {}).get(name)
        return name.rpartition(".")[2] == "ServerRuntime" if found is None else _is_runtime(found, function)
    if get_origin(annotation) is Annotated:
        return _is_runtime(get_args(annotation)[0], function)
    found = get_origin(annotation) or annotation
    return found is ServerRuntime or found in (sdk._ExecutionRuntime, sdk._ReadRuntime)

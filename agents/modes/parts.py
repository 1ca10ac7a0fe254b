"""What LangGraph streams, part by part: a namespace, a mode, and its data."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast

from langchain_core.runnables import RunnableConfig

from graphs.catalog.factories import AnyGraph

Part = tuple[tuple[str, ...], str, Any]

_HIDDEN = "langsmith:hidden"


async def parts(
    graph: AnyGraph, input: Any, config: RunnableConfig, calling: Mapping[str, Any]
) -> AsyncGenerator[Part]:
    """The cheap way; `calling` holds the other arguments of `astream`."""
    stream = cast(AsyncGenerator[Any], graph.astream(input, config, output_keys=graph.output_channels, **calling))
    async with aclosing(stream):
        async for chunk in stream:
            yield _part(chunk)


async def langchain_events(
    graph: AnyGraph, input: Any, config: RunnableConfig, calling: Mapping[str, Any]
) -> AsyncGenerator[Part]:
    """Mode `events`: what every runnable inside does; what the graph itself streams comes as its own parts."""
    root: str | None = None
    stream = cast(AsyncGenerator[Any], graph.astream_events(input, config, version="v2", **calling))
    async with aclosing(stream):
        async for event in stream:
            root = root or event["run_id"]
            if _HIDDEN in event.get("tags", ()):
                continue
            if event["event"] == "on_chain_stream" and event["run_id"] == root:
                yield _part(event["data"]["chunk"])
            else:
                yield (), "events", event


def _part(chunk: Any) -> Part:
    if len(chunk) == 3:
        return chunk[0], chunk[1], chunk[2]
    return (), chunk[0], chunk[1]

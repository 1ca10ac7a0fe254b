"""Mode `protocol`: every channel of the thread-centric generation, in one pass over the graph."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from langchain_core._api import suppress_langchain_beta_warning
from langchain_core.runnables import RunnableConfig

from agents.modes.protocol.channels import Channels
from agents.modes.protocol.state import state_encoded
from agents.modes.protocol.task_events import TaskEvents
from agents.wire import dumps, encoded
from graphs.catalog.factories import AnyGraph

_STATE = ("values", "updates")


async def protocol_events(
    graph: AnyGraph, input: Any, config: RunnableConfig, calling: Mapping[str, Any]
) -> AsyncGenerator[tuple[str, str]]:
    """With the channels of the transformers that a graph brings along; the run's own lifecycle is `bounds`'."""
    told_errors: set[str] = set()
    channels = Channels(told_errors)
    with suppress_langchain_beta_warning():
        streamed = await graph.astream_events(
            input, config, version="v3", transformers=[lambda scope: TaskEvents(scope, told_errors)], **calling
        )
    async with streamed:
        async for event in streamed:
            encode = state_encoded if event["method"] in _STATE else encoded
            for name, params in channels.told(event["method"], event["params"]):
                yield name, dumps(params, encode)

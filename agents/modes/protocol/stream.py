"""Mode `protocol`: every channel of the thread-centric generation, in one pass over the graph."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from langchain_core._api import suppress_langchain_beta_warning
from langchain_core.runnables import RunnableConfig

from agents.modes.protocol.channels import Channels
from agents.modes.protocol.envelope import PREFIX, Envelope
from agents.modes.protocol.state import state_encoded
from agents.modes.protocol.task_events import TaskEvents
from agents.wire import dumps, encoded
from graphs.catalog.factories import AnyGraph

_STATE = (PREFIX + "values", PREFIX + "updates")


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
            for told in channels.told(event["method"], event["params"]):
                yield _json(told)
    for told in channels.rest():
        yield _json(told)


def _json(told: Envelope) -> tuple[str, str]:
    name, params = told
    return name, dumps(params, state_encoded if name.startswith(_STATE) else encoded)

"""What a run streams: each stream mode that was asked for, as named events whose data is JSON in one line."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from langchain_core.runnables import RunnableConfig

from agents.modes.bounds import first, last
from agents.modes.chat import Chat
from agents.modes.parts import langchain_events, parts
from agents.modes.protocol.stream import protocol_events
from agents.modes.translation import Translation
from agents.runs.request import Durability
from agents.runs.runs import Run
from graphs.catalog.factories import AnyGraph

__all__ = ["first", "last", "wire_events"]


async def wire_events(
    graph: AnyGraph,
    run: Run,
    *,
    input: Any,
    config: RunnableConfig,
    context: Any = None,
    durability: Durability | None = None,
) -> AsyncGenerator[tuple[str, str]]:
    """Executes the graph and yields what the run's request asked to stream; raises what the graph raises.

    `durability` goes before the request's; `input` None goes on from the newest checkpoint. A name is a mode, with
    the subgraph's namespace behind it (`values|child:…`). An event of /v1/chat goes by its own type; one of the
    thread-centric generation begins with `protocol/`, and those are streamed alone.
    """
    request = run.request
    calling = {
        "context": context,
        "interrupt_before": request.interrupt_before,
        "interrupt_after": request.interrupt_after,
        "durability": durability or request.durability,
    }
    if "protocol" in request.stream_mode:
        protocol = protocol_events(graph, input, config, calling)
        async with aclosing(protocol):
            async for event in protocol:
                yield event
        return
    chat = await Chat.begin(graph, config, goes_on=input is None) if "chat" in request.stream_mode else None
    translation = Translation(request.stream_mode, chat)
    calling |= {"stream_mode": translation.asked, "subgraphs": request.stream_subgraphs}
    source = langchain_events if "events" in request.stream_mode else parts
    streamed = source(graph, input, config, calling)
    # Closed at once when the reader of these events stops, and the graph with it.
    async with aclosing(streamed):
        for told in translation.opening():
            yield told
        async for namespace, mode, data in streamed:
            for told in translation.told(namespace, mode, data):
                yield told

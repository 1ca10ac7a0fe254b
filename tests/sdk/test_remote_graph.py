"""A graph on the server used as if it were here: LangGraph's RemoteGraph, in both generations of the protocol."""

from typing import Any
from uuid import uuid4

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_client, get_sync_client

from tests.sdk.clients import api_key_of
from tests.sdk.conftest import NewPerson
from tests.sdk.questions import new_thread, said, text_of

GraphAt = Any


@pytest.fixture
async def remote(new_person: NewPerson) -> GraphAt:
    """Makes the graph of a name, with both clients."""
    person = new_person()
    url, key = str(person.http.base_url), api_key_of(person)

    def make(name: str) -> RemoteGraph:
        return RemoteGraph(
            name, client=get_client(url=url, api_key=key), sync_client=get_sync_client(url=url, api_key=key)
        )

    return make


def own_thread() -> RunnableConfig:
    return {"configurable": {"thread_id": str(uuid4())}}


async def on_thread(graph: RemoteGraph) -> RunnableConfig:
    """Unlike `run.start`, the older generation wants the thread to be there."""
    client = graph.client
    assert client is not None
    return {"configurable": {"thread_id": await new_thread(client)}}


async def test_it_is_invoked(remote: GraphAt) -> None:
    assert text_of(await remote("echo").ainvoke(said("lamp"))) == "You said: lamp"
    assert text_of(remote("echo").invoke(said("moon"))) == "You said: moon"


async def test_it_streams_its_subgraphs(remote: GraphAt) -> None:
    graph = remote("nested")
    expected = [
        ("inner", {"shout": {"text": "LAMP"}}),
        ("", {"inner": {"text": "LAMP"}}),
        ("", {"sign": {"text": "LAMP!"}}),
    ]
    streamed = [part async for part in graph.astream({"text": "lamp"}, stream_mode="updates", subgraphs=True)]
    assert [(_place(namespace), update) for namespace, update in streamed] == expected
    streamed = list(graph.stream({"text": "lamp"}, stream_mode="updates", subgraphs=True))
    assert [(_place(namespace), update) for namespace, update in streamed] == expected


async def test_it_streams_several_modes(remote: GraphAt) -> None:
    parts = [part async for part in remote("echo").astream(said("lamp"), stream_mode=["custom", "messages"])]
    assert parts[0].data == {"name": "noted", "asked": "lamp"}
    pieces = [part.data[0]["content"] for part in parts if part.event == "messages"]
    assert "".join(pieces) == "You said: lamp"


async def test_its_failure_is_raised_here(remote: GraphAt) -> None:
    with pytest.raises(RemoteException, match="asked to fail"):
        await remote("echo").ainvoke(said("fail"))


async def test_its_state_is_read_and_changed(remote: GraphAt) -> None:
    graph = remote("nested")
    config = await on_thread(graph)
    await graph.ainvoke({"text": "lamp"}, config)
    state = await graph.aget_state(config)
    assert (state.values, state.next) == ({"text": "LAMP!"}, ())
    changed = await graph.aupdate_state(config, {"text": "moon"}, as_node="inner")
    assert (await graph.aget_state(changed)).next == ("sign",)
    assert await graph.ainvoke(None, config) == {"text": "moon!"}
    history = [each.values.get("text") async for each in graph.aget_state_history(config)]
    assert history == ["moon!", "moon", "LAMP!", "LAMP", "lamp", None]
    assert graph.get_state(config).values == {"text": "moon!"}
    graph.update_state(config, {"text": "star"}, as_node="inner")
    assert [each.values.get("text") for each in graph.get_state_history(config, limit=2)] == ["star", "moon!"]


async def test_its_interrupt_is_answered_with_a_command(remote: GraphAt) -> None:
    graph = remote("approval")
    config = await on_thread(graph)
    await graph.ainvoke({"item": "lamp"}, config)
    (task,) = (await graph.aget_state(config)).tasks
    assert [interrupt.value for interrupt in task.interrupts] == [{"question": "Buy lamp?"}]
    assert await graph.ainvoke(Command(resume="yes"), config) == {"item": "lamp", "outcome": "lamp: yes"}


async def test_it_is_drawn(remote: GraphAt) -> None:
    drawn = await remote("nested").aget_graph()
    assert list(drawn.nodes) == ["__start__", "inner", "sign", "__end__"]
    assert "inner:shout" in remote("nested").get_graph(xray=True).nodes


async def test_the_newer_generation_yields_its_output(remote: GraphAt) -> None:
    graph = remote("nested")
    async with await graph.astream_events({"text": "lamp"}, own_thread(), version="v3") as run:
        assert await run.output() == {"text": "LAMP!"}
    with graph.stream_events({"text": "moon"}, own_thread(), version="v3") as run:
        assert run.output == {"text": "MOON!"}


async def test_the_newer_generation_is_interrupted_and_goes_on(remote: GraphAt) -> None:
    graph, config = remote("approval"), own_thread()
    async with await graph.astream_events({"item": "lamp"}, config, version="v3") as run:
        # Ends where the graph waits; the output would wait for more.
        assert [values async for values in run.values]
        assert await run.interrupted()
    async with await graph.astream_events(Command(resume="no"), config, version="v3") as run:
        assert await run.output() == {"item": "lamp", "outcome": "lamp: no"}


def _place(namespace: tuple[str, ...]) -> str:
    return "|".join(segment.partition(":")[0] for segment in namespace)

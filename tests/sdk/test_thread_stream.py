"""The newer generation of the SDK's streams: one for a thread, with a projection for each thing to see."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal
from uuid import uuid4

import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

from api.launch import House
from tests.api.person import Person
from tests.sdk.conftest import NewPerson
from tests.sdk.cuttable import cuttable
from tests.sdk.questions import Gate, said

Transport = Literal["sse", "websocket"]
Headers = dict[str, str]
ANSWER = "You said: lamp"


@pytest.fixture(params=["sse", "websocket"])
def transport(request: pytest.FixtureRequest) -> Transport:
    chosen: Transport = request.param
    return chosen


@pytest.fixture
def person(new_person: NewPerson) -> Person:
    return new_person()


@pytest.fixture
def headers(person: Person) -> Headers:
    """Over a WebSocket the SDK sends only those that the stream itself is given."""
    return {"Authorization": f"Bearer {person.tokens['access_token']}"}


@pytest.fixture
async def client(person: Person, headers: Headers) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=str(person.http.base_url), api_key=None, headers=headers) as opened:
        yield opened


@pytest.fixture
def sync_client(person: Person, headers: Headers) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=str(person.http.base_url), api_key=None, headers=headers) as opened:
        yield opened


async def test_values_lead_to_the_output(client: LangGraphClient, headers: Headers, transport: Transport) -> None:
    async with client.threads.stream(assistant_id="nested", transport=transport, headers=headers) as thread:
        await thread.run.start(input={"text": "lamp"})
        assert [values async for values in thread.values][-1] == {"text": "LAMP!"}
        assert await thread.output == {"text": "LAMP!"}
        assert not thread.interrupted


async def test_messages_come_token_by_token(client: LangGraphClient, headers: Headers, transport: Transport) -> None:
    async with client.threads.stream(assistant_id="echo", transport=transport, headers=headers) as thread:
        await thread.run.start(input=said("lamp"))
        (message,) = [message async for message in thread.messages]
        tokens = [token async for token in message.text]
        assert len(tokens) > 2 and "".join(tokens) == ANSWER


async def test_an_interrupt_ends_the_iteration_and_its_answer_goes_on(
    client: LangGraphClient, headers: Headers, transport: Transport
) -> None:
    async with client.threads.stream(assistant_id="approval", transport=transport, headers=headers) as thread:
        await thread.run.start(input={"item": "lamp"})
        assert {"item": "lamp"} in [values async for values in thread.values]
        assert thread.interrupted and len(thread.interrupts) == 1
        await thread.run.respond("yes")
        assert await thread.output == {"item": "lamp", "outcome": "lamp: yes"}
        assert not thread.interrupted


async def test_tool_calls_come_with_their_results(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="toolbox") as thread:
        await thread.run.start(input=said("Oslo"))
        (call,) = [call async for call in thread.tool_calls]
        output = await call.output
        assert (call.name, call.input) == ("weather", {"city": "Oslo"})
        assert (output["status"], output["content"]) == ("success", "sunny in Oslo")


async def test_a_subgraph_has_a_stream_of_its_own(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="nested") as thread:
        await thread.run.start(input={"text": "lamp"})
        (inner,) = [subgraph async for subgraph in thread.subgraphs]
        assert [segment.partition(":")[0] for segment in inner.path] == ["inner"]
        assert inner.status == "completed"


async def test_what_a_node_writes_is_an_extension(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="echo") as thread:
        await thread.run.start(input=said("lamp"))
        assert [event async for event in thread.extensions["noted"]] == [{"name": "noted", "asked": "lamp"}]


async def test_several_projections_share_one_stream(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="echo") as thread:
        await thread.run.start(input=said("lamp"))
        told = [name async for name, _ in thread.interleave_projections(["values", "messages", "noted"])]
        assert set(told) == {"values", "messages", "noted"} and told[0] == "values"


async def test_raw_events_are_numbered_without_gap(client: LangGraphClient) -> None:
    channels: Any = ["values", "updates", "messages", "tools", "lifecycle", "input", "tasks", "checkpoints", "custom"]
    async with client.threads.stream(assistant_id="echo") as thread:
        events = thread.subscribe(channels)
        await thread.run.start(input=said("lamp"))
        seen = [event async for event in events]
    numbers = [event["seq"] for event in seen]
    assert numbers == sorted(set(numbers))
    assert {"values", "updates", "messages", "lifecycle", "custom"} <= {event["method"] for event in seen}
    assert len({event["event_id"] for event in seen}) == len(seen)


async def test_the_thread_goes_on_with_its_next_run(client: LangGraphClient) -> None:
    thread_id = str(uuid4())
    for count, text in ((2, "one"), (4, "two")):
        async with client.threads.stream(thread_id, assistant_id="echo") as thread:
            run = await thread.run.start(input=said(text))
            final: Any = await client.runs.join(thread_id, run["run_id"])
            assert (final["asked"], len(final["messages"])) == (text, count)


async def test_a_failure_is_told(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="echo") as thread:
        await thread.run.start(input=said("fail"))
        with pytest.raises(Exception, match="asked to fail"):
            await thread.output


async def test_a_graph_is_drawn(client: LangGraphClient) -> None:
    async with client.threads.stream(assistant_id="nested") as thread:
        assert [node["id"] for node in (await thread.agent.get_tree())["nodes"]][1:3] == ["inner", "sign"]


async def test_a_stream_that_was_cut_goes_on(
    client: LangGraphClient, house: House, headers: Headers, transport: Transport
) -> None:
    gate = Gate(client)
    async with (
        cuttable(house.url) as network,
        get_client(url=network.url, api_key=None, headers=headers) as far,
        far.threads.stream(assistant_id="gated", transport=transport, headers=headers) as thread,
    ):
        events: AsyncIterator[Any] = thread.subscribe(["values"])
        await thread.run.start(input=gate.input)
        steps: list[list[str]] = []
        async for event in events:
            steps.append(event["params"]["data"]["steps"])
            if len(steps) == 2:
                network.cut()
                await gate.open()
        assert steps == [[], gate.passed[:1], gate.passed]


def test_it_is_there_without_asyncio(
    sync_client: SyncLangGraphClient, headers: Headers, transport: Transport
) -> None:
    with sync_client.threads.stream(assistant_id="approval", transport=transport, headers=headers) as thread:
        thread.run.start(input={"item": "lamp"})
        assert {"item": "lamp"} in list(thread.values)
        assert thread.interrupted
        thread.run.respond("yes")
        assert thread.output == {"item": "lamp", "outcome": "lamp: yes"}


def test_its_messages_and_tools_are_there_without_asyncio(sync_client: SyncLangGraphClient) -> None:
    with sync_client.threads.stream(assistant_id="echo") as thread:
        thread.run.start(input=said("lamp"))
        (message,) = list(thread.messages)
        assert "".join(message.text) == ANSWER
    with sync_client.threads.stream(assistant_id="toolbox") as thread:
        thread.run.start(input=said("Oslo"))
        (call,) = list(thread.tool_calls)
        assert call.output["content"] == "sunny in Oslo"
    with sync_client.threads.stream(assistant_id="nested") as thread:
        thread.run.start(input={"text": "lamp"})
        (inner,) = list(thread.subgraphs)
        assert inner.status == "completed"
    with sync_client.threads.stream(assistant_id="echo") as thread:
        thread.run.start(input=said("lamp"))
        assert list(thread.extensions["noted"]) == [{"name": "noted", "asked": "lamp"}]

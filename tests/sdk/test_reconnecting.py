"""The SDK comes back by itself when a connection is cut, and misses nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langgraph_sdk.client import LangGraphClient

from api.launch import House
from tests.api.person import Person
from tests.sdk.conftest import Connect, NewPerson
from tests.sdk.cuttable import Cuttable, cuttable
from tests.sdk.questions import Gate, new_thread

PASSING = [{"passing": number} for number in range(10)]


@pytest.fixture
async def network(house: House) -> AsyncIterator[Cuttable]:
    async with cuttable(house.url) as proxy:
        yield proxy


@pytest.fixture
def person(new_person: NewPerson) -> Person:
    return new_person()


@pytest.fixture
def far(network: Cuttable, person: Person, connect: Connect) -> LangGraphClient:
    """On the other side of that network."""
    return connect(person, network.url)


@pytest.fixture
def gate(person: Person, connect: Connect) -> Gate:
    """Opened from this side."""
    return Gate(connect(person, None))


async def test_a_stream_that_was_cut_goes_on_without_gap_or_repetition(
    far: LangGraphClient, network: Cuttable, gate: Gate
) -> None:
    thread_id = await new_thread(far)
    parts: list[Any] = []
    modes: Any = ["values", "custom"]
    async for part in far.runs.stream(thread_id, "gated", input=gate.input, stream_mode=modes):
        parts.append(part)
        if part.data == {"waiting": gate.name}:
            network.cut()
            await gate.open()
    again = [part async for part in far.runs.join_stream(thread_id, parts[0].data["run_id"], last_event_id="-")]
    assert parts == again
    assert [part.data for part in parts if part.event == "custom"][1:] == PASSING


@pytest.mark.filterwarnings("ignore:Request failed, attempting reconnect")
async def test_a_wait_that_was_cut_is_answered(far: LangGraphClient, network: Cuttable, gate: Gate) -> None:
    thread_id = await new_thread(far)

    async def cut_before_the_gate() -> None:
        await gate.reached(thread_id)
        network.cut()
        await gate.open()

    cutting = asyncio.create_task(cut_before_the_gate())
    values = await far.runs.wait(thread_id, "gated", input=gate.input)
    await cutting
    assert isinstance(values, dict) and values["steps"] == gate.passed

"""Runs that are cancelled: alone, many at once, and with what they did undone."""

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError
from langgraph_sdk.schema import Run

from tests.sdk.questions import Gate, ended, new_thread


async def begun(client: LangGraphClient, gate: Gate) -> Run:
    """A run that stands before its gate, on a thread of its own."""
    thread_id = await new_thread(client)
    run = await client.runs.create(thread_id, "gated", input=gate.input)
    await gate.reached(thread_id)
    return run


async def test_a_cancelled_run_is_interrupted_and_its_thread_answers(ann: LangGraphClient) -> None:
    run, thread_id = await begun(ann, Gate(ann)), ""
    thread_id = run["thread_id"]
    await ann.runs.cancel(thread_id, run["run_id"], wait=True)
    assert (await ann.runs.get(thread_id, run["run_id"]))["status"] == "interrupted"
    assert (await ann.threads.get(thread_id))["status"] == "interrupted"
    after = Gate(ann)
    await after.open()
    answered = await ann.runs.wait(thread_id, "gated", input=after.input)
    assert isinstance(answered, dict) and answered["steps"][-2:] == after.passed


async def test_a_rolled_back_run_has_never_been(ann: LangGraphClient) -> None:
    run = await begun(ann, Gate(ann))
    await ann.runs.cancel(run["thread_id"], run["run_id"], wait=True, action="rollback")
    with pytest.raises(NotFoundError):
        await ann.runs.get(run["thread_id"], run["run_id"])
    assert await ann.threads.get_history(run["thread_id"]) == []


async def test_a_run_that_waits_for_another_is_cancelled_too(ann: LangGraphClient) -> None:
    gate = Gate(ann)
    run = await begun(ann, gate)
    waiting = await ann.runs.create(run["thread_id"], "gated", input=gate.input)
    await ann.runs.cancel(run["thread_id"], waiting["run_id"])
    assert (await ended(ann, waiting))["status"] == "interrupted"
    await gate.open()
    assert (await ended(ann, run))["status"] == "success"


async def test_many_are_cancelled_by_id_or_by_status(ann: LangGraphClient) -> None:
    gate = Gate(ann)
    first, second = [await begun(ann, gate) for _ in range(2)]
    await ann.runs.cancel_many(thread_id=first["thread_id"], run_ids=[first["run_id"]])
    assert (await ended(ann, first))["status"] == "interrupted"
    assert (await ann.runs.get(second["thread_id"], second["run_id"]))["status"] == "running"
    await ann.runs.cancel_many(status="all")
    assert (await ended(ann, second))["status"] == "interrupted"


async def test_a_stream_ends_when_its_run_is_cancelled(ann: LangGraphClient) -> None:
    thread_id, gate = await new_thread(ann), Gate(ann)
    events = []
    async for part in ann.runs.stream(thread_id, "gated", input=gate.input, stream_mode="custom"):
        events.append(part.event)
        if part.event == "custom":
            (run,) = await ann.runs.list(thread_id)
            await ann.runs.cancel(thread_id, run["run_id"])
    assert events == ["metadata", "custom"]


async def test_what_does_not_exist_cannot_be_cancelled(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    with pytest.raises(NotFoundError):
        await ann.runs.cancel(thread_id, "0198f1f0-0000-7000-8000-000000000001")

"""Following a run that somebody started, from any of its events on."""

from contextlib import aclosing

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.schema import DisconnectMode

from tests.sdk.questions import Gate, ended, new_thread


async def test_whoever_joins_a_run_sees_it_to_its_end(ann: LangGraphClient) -> None:
    thread_id, gate = await new_thread(ann), Gate(ann)
    run = await ann.runs.create(thread_id, "gated", input=gate.input, stream_mode=["values", "custom"])
    await gate.reached(thread_id)
    seen = []
    async for part in ann.runs.join_stream(thread_id, run["run_id"], stream_mode=["custom"], last_event_id="-"):
        if part.event == "custom":
            if "waiting" in part.data:
                await gate.open()
            seen.append(part.data)
        else:
            assert part.event == "metadata"
    assert seen == [{"waiting": gate.name}, *({"passing": number} for number in range(10))]


async def test_a_stream_goes_on_after_the_event_that_is_named(ann: LangGraphClient) -> None:
    thread_id, gate = await new_thread(ann), Gate(ann)
    await gate.open()
    stream = ann.runs.stream(thread_id, "gated", input=gate.input, stream_mode=["custom"], stream_resumable=True)
    parts = [part async for part in stream]
    run_id = parts[0].data["run_id"]
    for number, part in enumerate(parts):
        rest = [each async for each in ann.runs.join_stream(thread_id, run_id, last_event_id=part.id)]
        assert rest == parts[number + 1 :]


@pytest.mark.parametrize(("leaving", "status"), [("continue", "success"), ("cancel", "interrupted")])
async def test_a_run_that_is_left_goes_on_unless_it_was_to_be_cancelled(
    ann: LangGraphClient, leaving: DisconnectMode, status: str
) -> None:
    thread_id, gate = await new_thread(ann), Gate(ann)
    stream = ann.runs.stream(thread_id, "gated", input=gate.input, stream_mode="custom", on_disconnect=leaving)
    async with aclosing(aiter(stream)) as parts:  # type: ignore[type-var]  # they are generators
        async for part in parts:
            if part.event == "custom":
                break
    (run,) = await ann.runs.list(thread_id)
    if leaving == "continue":
        await gate.open()
    assert (await ended(ann, run))["status"] == status


async def test_whoever_reads_a_run_learns_that_its_thread_was_deleted(ann: LangGraphClient) -> None:
    thread_id, gate = await new_thread(ann), Gate(ann)
    run = await ann.runs.create(thread_id, "gated", input=gate.input, stream_mode="custom")
    parts = []
    async for part in ann.runs.join_stream(thread_id, run["run_id"], last_event_id="-"):
        parts.append(part)
        if part.event == "custom":
            await ann.threads.delete(thread_id)
    assert [part.event for part in parts] == ["metadata", "custom", "error"]
    assert parts[-1].data["error"] == "not_found"

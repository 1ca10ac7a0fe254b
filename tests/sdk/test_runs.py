"""Runs through the SDK: in the background, waited for, joined, in batches, listed and deleted."""

from typing import Any

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError
from langgraph_sdk.schema import RunCreateMetadata

from tests.sdk.questions import Gate, ended, new_thread, said, text_of, values_of
from tests.until import until


async def test_a_run_in_the_background_is_joined(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    created: list[RunCreateMetadata] = []
    run: Any = await ann.runs.create(
        thread_id, "echo", input=said("lamp"), metadata={"mine": 1}, on_run_created=created.append
    )
    assert created == [{"run_id": run["run_id"], "thread_id": thread_id}]
    assert run["metadata"]["mine"] == 1
    assert text_of(await ann.runs.join(thread_id, run["run_id"])) == "You said: lamp"
    found = await ann.runs.get(thread_id, run["run_id"])
    assert (found["status"], found["multitask_strategy"]) == ("success", "enqueue")


async def test_a_wait_returns_the_last_values(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    assert await ann.runs.wait(thread_id, "nested", input={"text": "lamp"}) == {"text": "LAMP!"}
    assert await ann.runs.wait(None, "nested", input={"text": "moon"}) == {"text": "MOON!"}


async def test_a_failure_is_told_to_who_waits(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    with pytest.raises(Exception, match="ValueError: asked to fail"):
        await ann.runs.wait(thread_id, "echo", input=said("fail"))
    told = await ann.runs.wait(thread_id, "echo", input=said("fail"), raise_error=False)
    assert isinstance(told, dict) and told["__error__"] == {"error": "ValueError", "message": "asked to fail"}
    assert (await ann.threads.get(thread_id))["status"] == "error"
    assert text_of(await ann.runs.wait(thread_id, "echo", input=said("again"))) == "You said: again"
    assert (await ann.threads.get(thread_id))["status"] == "idle"


async def test_an_interrupt_is_answered(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    asked = await ann.runs.wait(thread_id, "approval", input={"item": "lamp"})
    assert isinstance(asked, dict)
    assert [each["value"] for each in asked["__interrupt__"]] == [{"question": "Buy lamp?"}]
    assert (await ann.threads.get(thread_id))["status"] == "interrupted"
    state = await ann.threads.get_state(thread_id)
    assert [task["interrupts"][0]["value"] for task in state["tasks"]] == [{"question": "Buy lamp?"}]
    answered = await ann.runs.wait(thread_id, "approval", command={"resume": "yes"})
    assert answered == {"item": "lamp", "outcome": "lamp: yes"}
    assert (await ann.threads.get(thread_id))["status"] == "idle"


async def test_a_command_updates_and_goes_where_it_says(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    await ann.runs.wait(thread_id, "nested", input={"text": "lamp"})
    command: Any = {"update": {"text": "moon"}, "goto": {"node": "sign", "input": {"text": "star"}}}
    assert await ann.runs.wait(thread_id, "nested", command=command) == {"text": "star!"}


async def test_a_run_stops_before_and_after_the_nodes_it_is_told(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    await ann.runs.wait(thread_id, "nested", input={"text": "lamp"}, interrupt_before=["sign"])
    state = await ann.threads.get_state(thread_id)
    assert (state["values"], state["next"]) == ({"text": "LAMP"}, ["sign"])
    assert await ann.runs.wait(thread_id, "nested", interrupt_after="*") == {"text": "LAMP!"}


async def test_a_thread_is_made_by_its_first_run_if_asked(ann: LangGraphClient) -> None:
    thread_id = "0198f1f0-0000-7000-8000-000000000001"
    with pytest.raises(NotFoundError):
        await ann.runs.create(thread_id, "echo", input=said("lamp"))
    run = await ann.runs.create(thread_id, "echo", input=said("lamp"), if_not_exists="create")
    await ann.runs.join(thread_id, run["run_id"])
    thread: Any = await ann.threads.get(thread_id)
    assert thread["metadata"]["graph_id"] == "echo"


async def test_a_thread_made_for_one_run_is_kept_only_if_asked(ann: LangGraphClient) -> None:
    kept = await ann.runs.create(None, "echo", input=said("lamp"), on_completion="keep")
    await ended(ann, kept)
    assert text_of(await values_of(ann, kept["thread_id"])) == "You said: lamp"
    left = await ann.runs.create(None, "echo", input=said("lamp"))

    async def gone() -> bool:
        return not await ann.threads.search(ids=[left["thread_id"]])

    await until(gone, what="the end of a thread that was made for one run")


async def test_a_batch_starts_every_run(ann: LangGraphClient) -> None:
    payloads: Any = [
        {"assistant_id": "nested", "input": {"text": text}, "on_completion": "keep"} for text in ("one", "two")
    ]
    runs = await ann.runs.create_batch(payloads)
    answers = [await ann.runs.join(run["thread_id"], run["run_id"]) for run in runs]
    assert answers == [{"text": "ONE!"}, {"text": "TWO!"}]


async def test_runs_are_listed_newest_first_and_deleted(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    ids = []
    for text in ("one", "fail"):
        run = await ann.runs.create(thread_id, "echo", input=said(text))
        ids.append((await ended(ann, run))["run_id"])
    assert [run["run_id"] for run in await ann.runs.list(thread_id)] == ids[::-1]
    assert [run["run_id"] for run in await ann.runs.list(thread_id, limit=1, offset=1)] == ids[:1]
    failed: Any = await ann.runs.list(thread_id, status="error", select=["run_id", "status"])
    assert failed == [{"run_id": ids[1], "status": "error"}]
    await ann.runs.delete(thread_id, ids[1])
    with pytest.raises(NotFoundError):
        await ann.runs.get(thread_id, ids[1])
    assert [run["run_id"] for run in await ann.runs.list(thread_id)] == ids[:1]


async def test_a_run_starts_when_it_was_told_to(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    later = await ann.runs.create(thread_id, "nested", input={"text": "late"}, after_seconds=1000)
    now = await ann.runs.create(thread_id, "nested", input={"text": "soon"})
    assert (await ended(ann, now))["status"] == "success"
    assert (await ann.runs.get(thread_id, later["run_id"]))["status"] == "pending"


async def test_a_factory_makes_the_graph_for_who_runs_it(ann: LangGraphClient) -> None:
    made = await ann.runs.wait(None, "made", input={}, config={"configurable": {"tone": "warm"}})
    assert isinstance(made, dict)
    assert (made["tone"], made["access"]) == ("warm", "threads.create_run")
    assert made["user"]


async def test_an_assistant_that_does_not_exist_runs_nothing(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    with pytest.raises((NotFoundError, UnprocessableEntityError)):
        await ann.runs.create(thread_id, "nothing", input={})


async def test_a_state_of_durability_exit_is_written_at_the_end(ann: LangGraphClient) -> None:
    thread_id, gate = await new_thread(ann), Gate(ann)
    await gate.open()
    await ann.runs.wait(thread_id, "gated", input=gate.input, durability="exit")
    history: Any = await ann.threads.get_history(thread_id)
    assert [state["values"]["steps"] for state in history] == [gate.passed]

"""A run ends in exactly one way, says so, and leaves its thread usable."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from agents import chat, runs
from agents.events import Citation, RunEnded, RunFailed, Sources
from core.db import Database
from core.embedded import EmbeddedServers
from core.errors import Conflict, NotFound, Unavailable
from core.llm.offline import OfflineModel
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.asking import answer_of, ask, failure_of, rows, thread_of
from tests.agents.conftest import NewRunner
from tests.agents.scripted_model import ScriptedModel
from tests.until import until

QUESTION = "How many days of holiday do I get?"
ANSWER = "Everyone at Acme gets 28 days of holiday a year [1]."


async def start(database: Database, runner: Any, ctx: TenantContext, **options: Any) -> Any:
    """The events of a run that has begun and of which nobody reads more for now."""
    events = await chat.ask(database, runner, ctx, QUESTION, **options)
    return events, await anext(events)


async def test_the_events_of_an_answer_come_in_this_order(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    events = await ask(database, new_runner(ScriptedModel(script=[ANSWER])), reader, QUESTION)
    types = [event.type for event in events if event.type != "token"]
    stages = [event.stage for event in events if event.type == "status"]
    assert types == [
        "run_started", "status", "sources", "status", "status", "citation", "usage", "run_ended",
    ]  # fmt: skip
    assert stages == ["searching", "answering", "citing"]
    assert answer_of(events).strip() == ANSWER


async def test_a_thread_answers_one_question_at_a_time(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=[None]))
    events, started = await start(database, runner, reader)
    async with aclosing(events):
        with pytest.raises(Conflict) as refused:
            await ask(database, runner, reader, "And now?", started.thread_id)
        assert refused.value.code == "thread_busy"
        assert [row["content"] for row in await rows(database, reader, "messages")] == [QUESTION]


async def test_of_two_questions_at_once_on_a_thread_one_is_refused(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=[ANSWER, ANSWER]))
    thread_id = thread_of(await ask(database, runner, reader, QUESTION))

    async def accept() -> Any:
        return await chat.ask(database, runner, reader, QUESTION, thread_id=thread_id)

    outcomes = await asyncio.gather(accept(), accept(), return_exceptions=True)
    assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True]


async def test_a_run_whose_process_died_frees_its_thread_when_its_lease_runs_out(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    async with database.tenant_transaction(reader) as connection:
        abandoned = await runs.accept(connection, reader, QUESTION, thread_id=None, knowledge_base_ids=None)
    runner = new_runner(ScriptedModel(script=[ANSWER]))
    with pytest.raises(Conflict):
        await ask(database, runner, reader, "And now?", abandoned.thread_id)
    await expire_leases(database, reader)
    events = await ask(database, runner, reader, "And now?", abandoned.thread_id)
    assert isinstance(events[-1], RunEnded)
    died, answered = await rows(database, reader, "runs")
    assert (died["status"], died["error_code"]) == ("interrupted", "process_died")
    assert answered["status"] == "success"


async def test_a_run_that_outlived_its_lease_changes_nothing_any_more(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    async with database.tenant_transaction(reader) as connection:
        late = await runs.accept(connection, reader, QUESTION, thread_id=None, knowledge_base_ids=None)
    await expire_leases(database, reader)
    await ask(database, new_runner(ScriptedModel(script=[ANSWER])), reader, "And now?", late.thread_id)
    with pytest.raises(Conflict):
        await runs.succeed(database, reader, late, runs.Answer("Too late."), [])
    await runs.fail(database, reader, late, "error", "internal_error", [])
    assert (await rows(database, reader, "runs"))[0]["error_code"] == "process_died"
    assert "Too late." not in [row["content"] for row in await rows(database, reader, "messages")]


async def test_a_reader_who_leaves_interrupts_the_run_and_can_ask_again(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    model = ScriptedModel(script=[None, ANSWER])
    runner = new_runner(model)
    events, started = await start(database, runner, reader)
    await asyncio.wait_for(model.hanging.wait(), 10)
    await events.aclose()
    await asyncio.wait_for(model.closed.wait(), 10)

    async def ended() -> bool:
        return bool((await rows(database, reader, "runs"))[0]["status"] != "running")

    await until(ended, what="the end of the run")
    (run,) = await rows(database, reader, "runs")
    assert (run["status"], run["error_code"]) == ("interrupted", "client_disconnected")
    assert isinstance((await ask(database, runner, reader, "Again?", started.thread_id))[-1], RunEnded)
    contents = [row["content"].strip() for row in await rows(database, reader, "messages")]
    assert contents == [QUESTION, "Again?", ANSWER]


async def test_a_runner_that_closes_writes_down_what_it_interrupts(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    model = ScriptedModel(script=[None])
    runner = new_runner(model)
    events, _ = await start(database, runner, reader)
    await asyncio.wait_for(model.hanging.wait(), 10)
    await runner.close()
    assert [row["status"] for row in await rows(database, reader, "runs")] == ["interrupted"]
    await events.aclose()


async def test_an_answer_that_takes_too_long_ends_as_run_timeout(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=[None]), timeout_seconds=1)
    failed = failure_of(await ask(database, runner, reader, QUESTION))
    assert failed.code == "run_timeout"
    assert [row["status"] for row in await rows(database, reader, "runs")] == ["timeout"]


async def test_more_questions_than_the_process_may_run_are_refused(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=[None]), max_concurrent=1)
    events, _ = await start(database, runner, reader)
    async with aclosing(events):
        with pytest.raises(Unavailable) as refused:
            await ask(database, runner, reader, "And me?")
        assert refused.value.code == "overloaded"
        assert len(await rows(database, reader, "runs")) == 1


async def test_an_error_nobody_foresaw_is_told_without_its_internals(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=[ValueError("password of the database: hunter2"), ANSWER]))
    events = await ask(database, runner, reader, QUESTION)
    failed = failure_of(events)
    assert failed.code == "internal_error"
    assert "hunter2" not in repr(events)
    assert str(failed.run_id) in failed.detail
    assert isinstance((await ask(database, runner, reader, "Again?", thread_of(events)))[-1], RunEnded)


async def test_what_a_failed_run_used_is_counted(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=[ANSWER, ValueError()]))
    thread_id = thread_of(await ask(database, runner, reader, QUESTION))
    # The follow-up is rewritten by the model before the answer fails.
    failed = failure_of(await ask(database, runner, reader, "And in Bergen?", thread_id))
    counted = {row["run_id"]: row["input_tokens"] for row in await rows(database, reader, "usage_records")}
    assert counted[failed.run_id] == 10


@pytest.mark.parametrize("text", ["A \x00 byte [1].", "Half a \ud83d character [1]."])
async def test_text_that_cannot_be_stored_ends_the_run_in_order(
    database: Database, reader: TenantContext, new_runner: NewRunner, text: str
) -> None:
    runner = new_runner(ScriptedModel(script=[text, ANSWER]))
    events = await ask(database, runner, reader, QUESTION)
    for event in events:
        event.model_dump_json()
    assert isinstance(events[-1], RunFailed)
    assert isinstance((await ask(database, runner, reader, "Again?", thread_of(events)))[-1], RunEnded)


async def test_a_follow_up_is_understood_from_the_conversation_also_after_a_restart(
    database: Database, reader: TenantContext, new_runner: NewRunner, embeddings: LocalEmbeddings
) -> None:
    first = await ask(
        database, new_runner(OfflineModel(embeddings=embeddings)), reader, "When does the office in Bergen close?"
    )
    restarted = new_runner(OfflineModel(embeddings=embeddings))
    events = await ask(database, restarted, reader, "When does it open again?", thread_of(first))
    (found,) = [event for event in events if isinstance(event, Sources)]
    assert "Bergen" in found.question


async def test_a_model_sees_the_earlier_questions_and_answers(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    model = ScriptedModel(script=["Four weeks, I would say [1].", "Yes [1]."])
    runner = new_runner(model)
    thread_id = thread_of(await ask(database, runner, reader, QUESTION))
    await ask(database, runner, reader, "Really?", thread_id)
    told = " ".join(message.text for message in model.asked[1])
    assert QUESTION in told
    assert "Four weeks, I would say" in told


async def test_a_claim_the_source_does_not_make_is_marked_in_the_event_and_in_the_message(
    database: Database, reader: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=["Acme was founded by pirates in Jamaica [1]. " + ANSWER]))
    events = await ask(database, runner, reader, QUESTION)
    told = [event.citation for event in events if isinstance(event, Citation)]
    assert [citation["supported"] for citation in told] == [False, True]
    _, answer = await rows(database, reader, "messages")
    assert [citation["supported"] for citation in answer["citations"]] == [False, True]


async def test_runs_of_two_tenants_at_once_do_not_mix(
    database: Database, clone: EmbeddedServers, reader: TenantContext, globex: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=[f"Answer {number} [1]." for number in range(8)]), max_concurrent=8)
    told = await asyncio.gather(
        *(ask(database, runner, ctx, f"Question of {ctx.tenant_id}") for ctx in (reader, globex) for _ in range(4))
    )
    sources = [event.sources for events in told for event in events if event.type == "sources"]
    assert [bool(found) for found in sources] == [True] * 4 + [False] * 4
    for ctx, mine in ((reader, told[:4]), (globex, told[4:])):
        assert {row["thread_id"] for row in await rows(database, ctx, "messages")} == {thread_of(e) for e in mine}
        questions = {row["content"] for row in await rows(database, ctx, "messages") if row["role"] == "user"}
        assert questions == {f"Question of {ctx.tenant_id}"}


async def test_a_thread_of_another_tenant_is_not_there(
    database: Database, reader: TenantContext, globex: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=[ANSWER]))
    thread_id = thread_of(await ask(database, runner, reader, QUESTION))
    with pytest.raises(NotFound):
        await ask(database, runner, globex, "What was said?", thread_id)
    assert await rows(database, globex, "runs") == []


async def expire_leases(database: Database, ctx: TenantContext) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute("UPDATE runs SET lease_until = now() - interval '1 second'")

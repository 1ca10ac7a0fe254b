"""Answers of the built-in graph: what they say, what is stored of them, and how they end."""

import asyncio

import pytest

from agents.modes.chat_events import Citation, RunEnded, RunFailed, Sources
from core.db import Database
from core.errors import NotFound
from core.llm.offline import OfflineModel
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.asking import answer_of, ask, failure_of, rows, thread_of
from tests.agents.conftest import NewEngine
from tests.agents.scripted_model import ScriptedModel

QUESTION = "How many days of holiday do I get?"
ANSWER = "Everyone at Acme gets 28 days of holiday a year [1]."


async def test_the_events_of_an_answer_come_in_this_order(
    database: Database, reader: TenantContext, new_engine: NewEngine
) -> None:
    events = await ask(await new_engine(ScriptedModel(script=[ANSWER])), reader, QUESTION)
    types = [event.type for event in events if event.type != "token"]
    stages = [event.stage for event in events if event.type == "status"]
    assert types == [
        "run_started", "status", "sources", "status", "status", "citation", "usage", "run_ended",
    ]  # fmt: skip
    assert stages == ["searching", "answering", "citing"]
    assert answer_of(events).strip() == ANSWER


async def test_an_answer_that_takes_too_long_ends_as_run_timeout(
    database: Database, reader: TenantContext, new_engine: NewEngine
) -> None:
    engine = await new_engine(ScriptedModel(script=[None]), timeout_seconds=1)
    failed = failure_of(await ask(engine, reader, QUESTION))
    assert failed.code == "run_timeout"
    assert [row["status"] for row in await rows(database, reader, "runs")] == ["timeout"]


async def test_an_error_nobody_foresaw_is_told_without_its_internals(
    database: Database, reader: TenantContext, new_engine: NewEngine
) -> None:
    engine = await new_engine(ScriptedModel(script=[ValueError("password of the database: hunter2"), ANSWER]))
    events = await ask(engine, reader, QUESTION)
    failed = failure_of(events)
    assert failed.code == "internal_error"
    assert "hunter2" not in repr(events)
    assert str(failed.run_id) in failed.detail
    assert isinstance((await ask(engine, reader, "Again?", thread_of(events)))[-1], RunEnded)


async def test_what_a_failed_run_used_is_counted(
    database: Database, reader: TenantContext, new_engine: NewEngine
) -> None:
    engine = await new_engine(ScriptedModel(script=[ANSWER, ValueError()]))
    thread_id = thread_of(await ask(engine, reader, QUESTION))
    # The follow-up is rewritten by the model before the answer fails.
    failed = failure_of(await ask(engine, reader, "And in Bergen?", thread_id))
    counted = {row["run_id"]: row["input_tokens"] for row in await rows(database, reader, "usage_records")}
    assert counted[failed.run_id] == 10


@pytest.mark.parametrize("text", ["A \x00 byte [1].", "Half a \ud83d character [1]."])
async def test_text_that_cannot_be_stored_ends_the_run_in_order(
    database: Database, reader: TenantContext, new_engine: NewEngine, text: str
) -> None:
    engine = await new_engine(ScriptedModel(script=[text, ANSWER]))
    events = await ask(engine, reader, QUESTION)
    for event in events:
        event.model_dump_json()
    assert isinstance(events[-1], RunFailed)
    assert isinstance((await ask(engine, reader, "Again?", thread_of(events)))[-1], RunEnded)


async def test_a_follow_up_is_understood_from_the_conversation_also_after_a_restart(
    database: Database, reader: TenantContext, new_engine: NewEngine, embeddings: LocalEmbeddings
) -> None:
    engine = await new_engine(OfflineModel(embeddings=embeddings))
    first = await ask(engine, reader, "When does the office in Bergen close?")
    restarted = await new_engine(OfflineModel(embeddings=embeddings))
    events = await ask(restarted, reader, "When does it open again?", thread_of(first))
    (found,) = [event for event in events if isinstance(event, Sources)]
    assert "Bergen" in found.question


async def test_a_model_sees_the_earlier_questions_and_answers(
    database: Database, reader: TenantContext, new_engine: NewEngine
) -> None:
    model = ScriptedModel(script=["Four weeks, I would say [1].", "Yes [1]."])
    engine = await new_engine(model)
    thread_id = thread_of(await ask(engine, reader, QUESTION))
    await ask(engine, reader, "Really?", thread_id)
    told = " ".join(message.text for message in model.asked[1])
    assert QUESTION in told
    assert "Four weeks, I would say" in told


async def test_a_claim_the_source_does_not_make_is_marked_in_the_event_and_in_the_message(
    database: Database, reader: TenantContext, new_engine: NewEngine
) -> None:
    engine = await new_engine(ScriptedModel(script=["Acme was founded by pirates in Jamaica [1]. " + ANSWER]))
    events = await ask(engine, reader, QUESTION)
    told = [event.citation for event in events if isinstance(event, Citation)]
    assert [citation["supported"] for citation in told] == [False, True]
    _, answer = await rows(database, reader, "messages")
    assert [citation["supported"] for citation in answer["citations"]] == [False, True]


async def test_runs_of_two_tenants_at_once_do_not_mix(
    database: Database, reader: TenantContext, globex: TenantContext, new_engine: NewEngine
) -> None:
    model = ScriptedModel(script=[f"Answer {number} [1]." for number in range(8)])
    engine = await new_engine(model, max_concurrent=8)
    told = await asyncio.gather(
        *(ask(engine, ctx, f"Question of {ctx.tenant_id}") for ctx in (reader, globex) for _ in range(4))
    )
    sources = [event.sources for events in told for event in events if event.type == "sources"]
    assert [bool(found) for found in sources] == [True] * 4 + [False] * 4
    for ctx, mine in ((reader, told[:4]), (globex, told[4:])):
        assert {row["thread_id"] for row in await rows(database, ctx, "messages")} == {thread_of(e) for e in mine}
        questions = {row["content"] for row in await rows(database, ctx, "messages") if row["role"] == "user"}
        assert questions == {f"Question of {ctx.tenant_id}"}


async def test_a_thread_of_another_tenant_is_not_there(
    database: Database, reader: TenantContext, globex: TenantContext, new_engine: NewEngine
) -> None:
    engine = await new_engine(ScriptedModel(script=[ANSWER]))
    thread_id = thread_of(await ask(engine, reader, QUESTION))
    with pytest.raises(NotFound):
        await ask(engine, globex, "What was said?", thread_id)
    assert await rows(database, globex, "runs") == []

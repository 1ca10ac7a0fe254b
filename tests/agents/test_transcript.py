"""What people read of a thread: the question as it was asked, the answer with its sources, and a title."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from agents.runs.runs import Run
from agents.threads import threads, transcript
from agents.threads.transcript import Message, question_of, title_from
from core.db import Database
from core.errors import NotFound
from core.paging import START, Cursor
from core.tenancy import TenantContext
from tests.agents.queued import queued

HELLO = {"messages": [{"role": "user", "content": "When do we close?"}]}


async def thread(database: Database, ctx: TenantContext, title: str | None = None) -> UUID:
    async with database.tenant_transaction(ctx) as connection:
        return (await threads.create(connection, ctx, title=title)).thread_id


async def read(database: Database, ctx: TenantContext, thread_id: UUID) -> tuple[str, list[Message]]:
    async with database.tenant_transaction(ctx) as connection:
        heading = await transcript.heading(connection, ctx, thread_id)
        return heading.title, await transcript.messages_of(connection, ctx, thread_id)


async def record(database: Database, ctx: TenantContext, run: Run, values: Any = None) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await transcript.record_question(connection, ctx, run)
        await transcript.record_answer(connection, ctx, run, values)


async def test_a_question_and_its_answer_are_kept_in_order(database: Database, acme: TenantContext) -> None:
    thread_id = await thread(database, acme)
    run = await queued(database, acme, thread_id, HELLO)
    values = {
        "messages": [HumanMessage("When do we close?"), AIMessage("At noon [1].")],
        "sources": [{"number": 1}],
        "citations": [{"number": 1, "supported": True}],
    }
    await record(database, acme, run, values)
    title, messages = await read(database, acme, thread_id)
    assert title == "When do we close?"
    assert [(message.role, message.content) for message in messages] == [
        ("user", "When do we close?"),
        ("assistant", "At noon [1]."),
    ]
    assert messages[0].sources == []
    assert messages[1].sources == values["sources"]
    assert messages[1].citations == values["citations"]
    assert {message.run_id for message in messages} == {run.run_id}


async def test_a_run_that_was_taken_over_is_told_once(database: Database, acme: TenantContext) -> None:
    thread_id = await thread(database, acme)
    run = await queued(database, acme, thread_id, HELLO)
    for _ in range(2):
        await record(database, acme, run, {"messages": [AIMessage("At noon.")]})
    assert len((await read(database, acme, thread_id))[1]) == 2


async def test_a_title_that_somebody_gave_stays(database: Database, acme: TenantContext) -> None:
    thread_id = await thread(database, acme, "Holidays")
    await record(database, acme, await queued(database, acme, thread_id, HELLO))
    title, messages = await read(database, acme, thread_id)
    assert (title, [message.content for message in messages]) == ("Holidays", ["When do we close?"])


async def test_the_first_question_titles_a_thread(database: Database, acme: TenantContext) -> None:
    thread_id = await thread(database, acme)
    await record(database, acme, await queued(database, acme, thread_id, HELLO))
    await record(database, acme, await queued(database, acme, thread_id, {"messages": "And on Sunday?"}))
    title, messages = await read(database, acme, thread_id)
    assert (title, len(messages)) == ("When do we close?", 2)


async def test_what_is_said_to_other_graphs_is_not_told(database: Database, acme: TenantContext) -> None:
    thread_id = await thread(database, acme)
    run = await queued(database, acme, thread_id, HELLO, graph_id="somebody_elses")
    await record(database, acme, run, {"messages": [AIMessage("Hello.")], "sources": "not ours"})
    assert await read(database, acme, thread_id) == ("New thread", [])


@pytest.mark.parametrize("values", [None, {}, {"messages": []}, {"messages": [HumanMessage("Why?")]}, [1]])
async def test_a_state_without_an_answer_adds_none(database: Database, acme: TenantContext, values: Any) -> None:
    thread_id = await thread(database, acme)
    await record(database, acme, await queued(database, acme, thread_id, HELLO), values)
    assert [message.role for message in (await read(database, acme, thread_id))[1]] == ["user"]


async def test_threads_are_listed_newest_first_a_page_at_a_time(database: Database, acme: TenantContext) -> None:
    for title in ("First?", "Second?", "Third?"):
        await thread(database, acme, title)
    async with database.tenant_transaction(acme) as connection:
        first = await transcript.headings(connection, acme, cursor=START, limit=2)
        assert [heading.title for heading in first.items] == ["Third?", "Second?"]
        rest = await transcript.headings(connection, acme, cursor=Cursor.decode(first.next_cursor), limit=2)
    assert [heading.title for heading in rest.items] == ["First?"]
    assert rest.next_cursor is None


async def test_a_colleague_reads_nothing_whatever_their_role(database: Database, acme: TenantContext) -> None:
    thread_id = await thread(database, acme, "Mine")
    colleague = replace(acme, user_id=uuid4())
    async with database.tenant_transaction(colleague) as connection:
        assert (await transcript.headings(connection, colleague, cursor=START, limit=2)).items == ()
        with pytest.raises(NotFound):
            await transcript.heading(connection, colleague, thread_id)
        with pytest.raises(NotFound):
            await transcript.rename(connection, colleague, thread_id, "Not yours")
    assert (await read(database, acme, thread_id))[0] == "Mine"


@pytest.mark.parametrize(
    ("given", "question"),
    [
        ({"messages": "Why?"}, "Why?"),
        ({"messages": {"role": "user", "content": "Why?"}}, "Why?"),
        ({"messages": [["user", "Why?"]]}, "Why?"),
        ({"messages": [{"type": "human", "content": " Why? "}, {"type": "ai", "content": "Because."}]}, "Why?"),
        ({"messages": [{"role": "user", "content": "How?"}, {"role": "user", "content": "Why?"}]}, "Why?"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]}, "Why?"),
        ({"messages": [{"role": "assistant", "content": "Because."}]}, ""),
        ({"messages": [{"role": "user", "content": 7}]}, ""),
        ({"messages": [{"role": ["user"], "content": "Why?"}]}, ""),
        ({"messages": [7]}, ""),
        ({"messages": None}, ""),
        ({"question": "Why?"}, ""),
        (["Why?"], ""),
        (None, ""),
    ],
)
def test_the_question_is_the_last_thing_a_person_says(given: Any, question: str) -> None:
    assert question_of(given) == question


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("  When\n do we  close? ", "When do we close?"),
        ("word " * 40, "word " * 14 + "word…"),
        ("x" * 200, "x" * 79 + "…"),
        (" \n ", "New thread"),
    ],
)
def test_a_title_is_the_beginning_of_the_first_question(question: str, title: str) -> None:
    assert title_from(question) == title

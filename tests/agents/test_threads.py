"""A thread belongs to one member of one tenant, with everything that was said and remembered in it."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from langgraph.checkpoint.base import empty_checkpoint

from agents import threads
from core.db import Database
from core.errors import NotFound
from core.paging import START, Cursor
from core.tenancy import TenantContext
from graphs.checkpointer import TenantSaver, checkpoint_thread_id
from tests.agents.asking import ask, thread_of
from tests.agents.conftest import NewRunner
from tests.agents.scripted_model import ScriptedModel

CHECKPOINT_TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")


def checkpoint_rows(owner_url: str) -> int:
    with psycopg.connect(owner_url) as owner:
        return sum(owner.execute(f"SELECT FROM {table}").rowcount for table in CHECKPOINT_TABLES)


def config_of(ctx: TenantContext, thread_id: Any) -> Any:
    return {"configurable": {"thread_id": checkpoint_thread_id(ctx, thread_id), "checkpoint_ns": ""}}


async def test_another_tenants_saver_reads_nothing_under_the_same_thread_id(
    database: Database, acme: TenantContext, globex: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=["I don't know."]))
    config = config_of(acme, thread_of(await ask(database, runner, acme, "What did we earn?")))
    assert await TenantSaver(database, acme).aget_tuple(config) is not None
    assert await TenantSaver(database, globex).aget_tuple(config) is None
    assert [found async for found in TenantSaver(database, globex).alist(config)] == []
    assert [found async for found in TenantSaver(database, globex).alist(None)] == []


async def test_another_tenants_saver_writes_and_deletes_nothing_under_the_same_thread_id(
    database: Database, acme: TenantContext, globex: TenantContext, new_runner: NewRunner, owner_url: str
) -> None:
    runner = new_runner(ScriptedModel(script=["I don't know."]))
    config = config_of(acme, thread_of(await ask(database, runner, acme, "What did we earn?")))
    before = checkpoint_rows(owner_url)
    saver = TenantSaver(database, globex)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await saver.aput(config, empty_checkpoint(), {}, {})
    await saver.adelete_thread(config["configurable"]["thread_id"])
    assert checkpoint_rows(owner_url) == before > 0


async def test_a_deleted_thread_leaves_no_checkpoint(
    database: Database, acme: TenantContext, new_runner: NewRunner, owner_url: str
) -> None:
    runner = new_runner(ScriptedModel(script=["I don't know."]))
    thread_id = thread_of(await ask(database, runner, acme, "What did we earn?"))
    await threads.delete(database, acme, thread_id)
    assert checkpoint_rows(owner_url) == 0
    with pytest.raises(NotFound):
        await threads.get(database, acme, thread_id)


async def test_a_colleague_of_the_same_tenant_does_not_see_the_thread(
    database: Database, acme: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=["I don't know."]))
    thread_id = thread_of(await ask(database, runner, acme, "What do I earn?"))
    colleague = replace(acme, user_id=uuid4())
    for refused in (
        threads.get(database, colleague, thread_id),
        threads.rename(database, colleague, thread_id, "Mine"),
        threads.delete(database, colleague, thread_id),
    ):
        with pytest.raises(NotFound):
            await refused
    kept = await threads.get(database, acme, thread_id)
    assert (kept.title, len(kept.messages)) == ("What do I earn?", 2)


async def test_threads_are_listed_newest_first_a_page_at_a_time(
    database: Database, acme: TenantContext, new_runner: NewRunner
) -> None:
    runner = new_runner(ScriptedModel(script=["I don't know."] * 3))
    for question in ("First?", "Second?", "Third?"):
        await ask(database, runner, acme, question)
    first = await threads.list_page(database, acme, cursor=START, limit=2)
    assert [thread.title for thread in first.items] == ["Third?", "Second?"]
    assert first.next_cursor is not None
    rest = await threads.list_page(database, acme, cursor=Cursor.decode(first.next_cursor), limit=2)
    assert [thread.title for thread in rest.items] == ["First?"]
    assert rest.next_cursor is None


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
    assert threads.title_from(question) == title

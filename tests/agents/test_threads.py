"""A thread is its author's; an admin reaches it by role, another tenant never; its id is free in every tenant."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from agents.runs import queue
from agents.threads import threads
from agents.threads.threads import Thread, Ttl
from core.db import Database
from core.errors import Conflict, Invalid, NotFound
from core.tenancy import Role, TenantContext
from graphs import fence
from graphs.fence import Fenced
from tests.agents.queued import queued
from tests.until import until


@pytest.fixture
async def bob(database: Database, acme: TenantContext) -> TenantContext:
    """A member of acme, which the `acme` fixture's person owns."""
    ctx = replace(acme, user_id=uuid4(), role=Role.MEMBER)
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO users (user_id, email, name, password_hash) VALUES (%s, 'bob@example.com', 'Bob', '!')",
            (ctx.user_id,),
        )
        await connection.execute(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES (%s, %s, %s)",
            (ctx.tenant_id, ctx.user_id, ctx.role),
        )
    return ctx


async def made(database: Database, ctx: TenantContext, **options: Any) -> Thread:
    async with database.tenant_transaction(ctx) as connection:
        return await threads.create(connection, ctx, **options)


async def found(database: Database, ctx: TenantContext, thread_id: UUID, *, by_role: bool = False) -> Thread:
    async with database.tenant_transaction(ctx) as connection:
        return await threads.get(connection, ctx, thread_id, by_role=by_role)


def rows_of(owner_url: str, thread_id: UUID) -> dict[str, int]:
    """Wherever anything of a thread is kept."""
    tables = ("threads", "thread_heads", "runs", "run_queue", "event_batches", "messages")
    with psycopg.connect(owner_url) as owner:
        return {
            table: owner.execute(f"SELECT FROM {table} WHERE thread_id::text LIKE %s", (f"%{thread_id}",)).rowcount
            for table in tables
        }


async def test_a_new_thread_is_idle_and_has_no_state(database: Database, acme: TenantContext) -> None:
    thread = await made(database, acme, metadata={"color": "green"})
    assert (thread.status, thread.values, thread.interrupts, thread.error) == ("idle", None, {}, None)
    assert (thread.metadata, thread.title, thread.user_id) == ({"color": "green"}, "New thread", acme.user_id)
    assert await found(database, acme, thread.thread_id) == thread


async def test_an_id_that_a_client_made_is_taken_once_in_each_tenant(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    thread_id = uuid4()
    mine = await made(database, acme, thread_id=thread_id, metadata={"whose": "acme"})
    theirs = await made(database, globex, thread_id=thread_id, metadata={"whose": "globex"})
    assert (mine.metadata, theirs.metadata) == ({"whose": "acme"}, {"whose": "globex"})
    with pytest.raises(Conflict):
        await made(database, acme, thread_id=thread_id)
    again = await made(database, acme, thread_id=thread_id, metadata={"new": True}, if_exists="do_nothing")
    assert again == mine


async def test_a_thread_created_at_the_same_moment_twice_is_one(database: Database, acme: TenantContext) -> None:
    thread_id = uuid4()
    both = await asyncio.gather(
        *(made(database, acme, thread_id=thread_id, if_exists="do_nothing") for _ in range(2))
    )
    assert both[0] == both[1]


async def test_a_member_is_told_no_more_of_an_owners_thread_than_that_its_id_is_taken(
    database: Database, acme: TenantContext, bob: TenantContext
) -> None:
    thread = await made(database, acme)
    async with database.tenant_transaction(bob) as connection:
        for by_role in (False, True):
            for look in (threads.get, threads.require, threads.lock, threads.delete):
                with pytest.raises(NotFound):
                    await look(connection, bob, thread.thread_id, by_role=by_role)
        with pytest.raises(NotFound):
            await threads.patch(connection, bob, thread.thread_id, metadata={"mine": True})
        with pytest.raises(NotFound):
            await threads.reserve(connection, bob, thread.thread_id)
        with pytest.raises(NotFound):
            await threads.ensure(connection, bob, thread.thread_id, if_not_exists="create", by_role=True)
        with pytest.raises(Conflict):
            await threads.create(connection, bob, thread_id=thread.thread_id, if_exists="do_nothing")
    assert await found(database, acme, thread.thread_id) == thread


async def test_an_owner_reaches_a_members_thread_by_role_only(
    database: Database, acme: TenantContext, bob: TenantContext
) -> None:
    thread = await made(database, bob)
    with pytest.raises(NotFound):
        await found(database, acme, thread.thread_id)
    assert await found(database, acme, thread.thread_id, by_role=True) == thread


async def test_another_tenant_reaches_nothing(database: Database, acme: TenantContext, globex: TenantContext) -> None:
    thread = await made(database, acme)
    async with database.tenant_transaction(globex) as connection:
        for look in (threads.get, threads.require, threads.lock, threads.delete):
            with pytest.raises(NotFound):
                await look(connection, globex, thread.thread_id, by_role=True)
        with pytest.raises(NotFound):
            await threads.ensure(connection, globex, thread.thread_id, if_not_exists="reject")
    assert await found(database, acme, thread.thread_id) == thread


async def test_ensure_makes_what_is_missing_once(database: Database, acme: TenantContext) -> None:
    thread_id = uuid4()
    async with database.tenant_transaction(acme) as connection:
        with pytest.raises(NotFound):
            await threads.ensure(connection, acme, thread_id, if_not_exists="reject")
        await threads.ensure(connection, acme, thread_id, if_not_exists="create")
        await threads.ensure(connection, acme, thread_id, if_not_exists="create")
        await threads.ensure(connection, acme, thread_id, if_not_exists="reject")
    assert (await found(database, acme, thread_id)).status == "idle"


async def test_patching_merges_labels_and_moves_the_expiry(database: Database, acme: TenantContext) -> None:
    thread = await made(database, acme, metadata={"a": 1, "b": 1}, ttl=Ttl(minutes=10))
    assert thread.expires_at is not None
    assert (thread.expires_at - thread.created_at).total_seconds() == 600
    async with database.tenant_transaction(acme) as connection:
        labelled = await threads.patch(connection, acme, thread.thread_id, metadata={"b": 2})
        assert (labelled.metadata, labelled.expires_at) == ({"a": 1, "b": 2}, thread.expires_at)
        kept = await threads.patch(connection, acme, thread.thread_id, ttl=Ttl(minutes=60, strategy="keep_latest"))
    assert kept.ttl == {"strategy": "keep_latest", "ttl_minutes": 60}
    assert kept.expires_at is not None
    assert kept.expires_at > thread.expires_at
    assert kept.metadata == {"a": 1, "b": 2}


async def test_labels_do_not_grow_without_end(database: Database, acme: TenantContext) -> None:
    thread = await made(database, acme)
    half = "x" * (threads.METADATA_MAX_CHARACTERS // 2 + 1)
    async with database.tenant_transaction(acme) as connection:
        await threads.patch(connection, acme, thread.thread_id, metadata={"a": half})
    with pytest.raises(Invalid):
        async with database.tenant_transaction(acme) as connection:
            await threads.patch(connection, acme, thread.thread_id, metadata={"b": half})
    assert (await found(database, acme, thread.thread_id)).metadata.keys() == {"a"}


async def test_a_thread_with_a_run_cannot_be_reserved(database: Database, acme: TenantContext) -> None:
    thread = await made(database, acme)
    await queued(database, acme, thread.thread_id)
    with pytest.raises(Conflict):
        async with database.tenant_transaction(acme) as connection:
            await threads.reserve(connection, acme, thread.thread_id)


async def test_the_next_run_ends_a_reservation(database: Database, acme: TenantContext) -> None:
    thread = await made(database, acme)
    async with database.tenant_transaction(acme) as connection:
        reserved = await threads.reserve(connection, acme, thread.thread_id)
        await fence.hold(connection, acme, reserved)
    await queued(database, acme, thread.thread_id)
    assert await queue.claim(database, uuid4()) is not None
    with pytest.raises(Fenced):
        async with database.tenant_transaction(acme) as connection:
            await fence.hold(connection, acme, reserved)


async def test_a_deleted_thread_leaves_nothing_and_takes_the_right_to_write_from_its_run(
    database: Database, acme: TenantContext, globex: TenantContext, owner_url: str
) -> None:
    thread_id = uuid4()
    await made(database, globex, thread_id=thread_id)
    await made(database, acme, thread_id=thread_id)
    await queued(database, acme, thread_id)
    claim = await queue.claim(database, uuid4())
    assert claim is not None
    async with database.tenant_transaction(acme) as connection:
        await threads.delete(connection, acme, thread_id)
    theirs = {"threads": 1, "thread_heads": 1}
    assert {table: count for table, count in rows_of(owner_url, thread_id).items() if count} == theirs
    with pytest.raises(Fenced):
        async with database.tenant_transaction(acme) as connection:
            await fence.hold(connection, acme, claim.fence)


async def test_a_thread_can_be_deleted_while_an_event_is_being_written(
    database: Database, acme: TenantContext, owner_url: str
) -> None:
    thread = await made(database, acme)
    place = (acme.tenant_id, thread.thread_id)

    async def delete() -> None:
        async with database.tenant_transaction(acme) as connection:
            await threads.delete(connection, acme, thread.thread_id)

    async def waits() -> bool:
        async with await psycopg.AsyncConnection.connect(owner_url) as owner:
            found = await owner.execute(
                "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return found.rowcount > 0

    async with database.tenant_transaction(acme) as writing:
        await writing.execute("UPDATE thread_heads SET seq = 1 WHERE tenant_id = %s AND thread_id = %s", place)
        deleting = asyncio.create_task(delete())
        await until(waits, what="the deletion waiting for the thread's head")
        await writing.execute(
            "INSERT INTO event_batches (tenant_id, thread_id, last_seq, run_id, names, data) "
            "VALUES (%s, %s, 1, gen_random_uuid(), '{values}', '{null}')",
            place,
        )
    await deleting
    assert set(rows_of(owner_url, thread.thread_id).values()) == {0}

"""What outlives its time goes from every tenant, and nothing else does."""

from uuid import UUID

import psycopg
import pytest
from langchain_core.messages import HumanMessage

from agents import sweeps
from agents.threads import threads
from agents.threads.threads import Ttl
from core.db import Database
from core.tenancy import TenantContext
from graphs.checkpoints.checkpointer import TenantSaver
from graphs.store import items
from graphs.store.items import Write
from tests.agents.graphs import speaker
from tests.agents.queued import queued

HOUR = 3600.0


@pytest.fixture
async def tenants(acme: TenantContext, globex: TenantContext) -> tuple[TenantContext, ...]:
    return acme, globex


async def sweep(database: Database) -> None:
    await sweeps.sweep(database, event_retention_seconds=HOUR)


async def new_thread(database: Database, ctx: TenantContext, owner_url: str, ttl: Ttl | None) -> UUID:
    """Its time, if it has any, is over."""
    async with database.tenant_transaction(ctx) as connection:
        thread = await threads.create(connection, ctx, ttl=ttl)
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE threads SET expires_at = now() WHERE expires_at IS NOT NULL")
    return thread.thread_id


async def left(database: Database, ctx: TenantContext) -> list[UUID]:
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute("SELECT thread_id FROM threads ORDER BY created_at")
        return [row["thread_id"] for row in await rows.fetchall()]


async def checkpoints(database: Database, ctx: TenantContext, thread_id: UUID) -> int:
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute("SELECT FROM checkpoints WHERE thread_id = %s", (str(thread_id),))
        return rows.rowcount


async def speak_on(database: Database, ctx: TenantContext, thread_id: UUID) -> None:
    graph = speaker().copy(update={"checkpointer": TenantSaver(database, ctx)})
    await graph.ainvoke({"messages": [HumanMessage("hi")]}, {"configurable": {"thread_id": str(thread_id)}})


async def test_a_thread_goes_with_its_checkpoints_when_its_time_is_over(
    database: Database, tenants: tuple[TenantContext, ...], owner_url: str
) -> None:
    for ctx in tenants:
        kept = await new_thread(database, ctx, owner_url, None)
        gone = await new_thread(database, ctx, owner_url, Ttl(1))
        await speak_on(database, ctx, gone)
        await sweep(database)
        assert await left(database, ctx) == [kept]
        assert await checkpoints(database, ctx, gone) == 0


async def test_a_thread_that_keeps_its_latest_state_loses_only_what_was_before(
    database: Database, acme: TenantContext, owner_url: str
) -> None:
    thread_id = await new_thread(database, acme, owner_url, Ttl(60, "keep_latest"))
    await speak_on(database, acme, thread_id)
    await sweep(database)
    assert await checkpoints(database, acme, thread_id) == 1
    async with database.tenant_transaction(acme) as connection:
        rows = await connection.execute("SELECT expires_at > now() + interval '59 min' AS later FROM threads")
        assert await rows.fetchone() == {"later": True}


async def test_a_thread_with_a_run_that_has_not_ended_stays(
    database: Database, acme: TenantContext, owner_url: str
) -> None:
    thread_id = await new_thread(database, acme, owner_url, Ttl(1))
    await queued(database, acme, thread_id)
    await sweep(database)
    assert await left(database, acme) == [thread_id]


async def test_more_threads_than_go_at_once_all_go(
    database: Database, acme: TenantContext, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "THREADS_AT_ONCE", 2)
    for _ in range(5):
        await new_thread(database, acme, owner_url, Ttl(1))
    await sweep(database)
    assert await left(database, acme) == []


async def test_events_of_ended_runs_go_when_nobody_can_resume_them_any_more(
    database: Database, tenants: tuple[TenantContext, ...], owner_url: str
) -> None:
    for ctx in tenants:
        thread_id = await new_thread(database, ctx, owner_url, None)
        with psycopg.connect(owner_url) as owner:
            owner.execute(
                "INSERT INTO event_batches (tenant_id, thread_id, last_seq, run_id, names, data, created_at) "
                "SELECT %s, %s, n, gen_random_uuid(), '{values}', '{1}', now() - make_interval(hours => n - 1) "
                "FROM generate_series(1, 3) AS n",
                (ctx.tenant_id, thread_id),
            )
        await sweep(database)
        async with database.tenant_transaction(ctx) as connection:
            rows = await connection.execute("SELECT last_seq FROM event_batches ORDER BY 1")
            assert [row["last_seq"] for row in await rows.fetchall()] == [1]


async def test_items_of_the_store_go_when_their_time_is_over(
    database: Database, tenants: tuple[TenantContext, ...], owner_url: str
) -> None:
    for ctx in tenants:
        async with database.tenant_transaction(ctx) as connection:
            for name, minutes in (("kept", None), ("gone", 1.0)):
                await items.write(connection, ctx, {(("notes",), name): Write("{}", minutes, {})})
        with psycopg.connect(owner_url) as owner:
            owner.execute("UPDATE store_items SET expires_at = now() WHERE expires_at IS NOT NULL")
        await sweep(database)
        async with database.tenant_transaction(ctx) as connection:
            rows = await connection.execute("SELECT key FROM store_items")
            assert [row["key"] for row in await rows.fetchall()] == ["kept"]

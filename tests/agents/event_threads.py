"""Threads with a run on them, as an executor finds them when it has claimed one, and the log of their events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.events import batches as event_batches
from agents.events.batches import Page
from agents.events.log import EventLog
from core.cache import Cache
from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from graphs.fence import Fence


async def add_thread(database: Database, ctx: TenantContext, thread_id: UUID | None = None) -> Fence:
    fence = Fence(thread_id or uuid4(), 1)
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO threads (tenant_id, thread_id, user_id) VALUES (%s, %s, %s)",
            (ctx.tenant_id, fence.thread_id, ctx.user_id),
        )
        await connection.execute(
            "INSERT INTO thread_heads (tenant_id, thread_id, fence) VALUES (%s, %s, %s)",
            (ctx.tenant_id, fence.thread_id, fence.number),
        )
    return fence


async def add_run(database: Database, ctx: TenantContext, thread_id: UUID, status: str = "running") -> UUID:
    run_id = uuid4()
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO runs (tenant_id, run_id, thread_id, user_id, assistant_id, graph_id, status, "
            "multitask_strategy, request) VALUES (%s, %s, %s, %s, %s, 'agent', %s, 'enqueue', '{}')",
            (ctx.tenant_id, run_id, thread_id, ctx.user_id, uuid4(), status),
        )
        await connection.execute(
            "INSERT INTO run_queue (tenant, run_id, thread_id, user_id, role) VALUES (%s, %s, %s, %s, %s)",
            (ctx.tenant_id, run_id, thread_id, ctx.user_id, ctx.role),
        )
    return run_id


async def end_run(database: Database, ctx: TenantContext, run_id: UUID) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "UPDATE runs SET status = 'success' WHERE tenant_id = %s AND run_id = %s", (ctx.tenant_id, run_id)
        )
        await connection.execute("DELETE FROM run_queue WHERE tenant = %s AND run_id = %s", (ctx.tenant_id, run_id))


async def raise_fence(database: Database, ctx: TenantContext, fence: Fence) -> Fence:
    """As another executor's claim does."""
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "UPDATE thread_heads SET fence = fence + 1 WHERE tenant_id = %s AND thread_id = %s",
            (ctx.tenant_id, fence.thread_id),
        )
    return Fence(fence.thread_id, fence.number + 1)


async def stored(database: Database, ctx: TenantContext, thread_id: UUID) -> list[tuple[int, list[str], list[str]]]:
    """Each batch's last number, names and data, as the table has them."""
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            "SELECT last_seq, names, data FROM event_batches WHERE thread_id = %s ORDER BY last_seq", (thread_id,)
        )
        return [(row["last_seq"], row["names"], row["data"]) for row in await rows.fetchall()]


@asynccontextmanager
async def opened_log(servers: EmbeddedServers) -> AsyncIterator[EventLog]:
    """The log as a process of its own has it."""
    async with (
        Database(servers.database_url("atrium_app"), servers.database_url("atrium_auth"), pool_size=4) as database,
        Cache(servers.redis_url) as cache,
    ):
        yield EventLog(database, cache)


def counted_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number that a reader asks the database to read from."""
    asked: list[int] = []
    read = event_batches.read

    async def counted(*arguments: Any, since: int, **options: Any) -> Page:
        asked.append(since)
        return await read(*arguments, since=since, **options)

    monkeypatch.setattr(event_batches, "read", counted)
    return asked


async def looked(reads: list[int], times: int) -> bool:
    return len(reads) >= times


def values(*data: object) -> list[tuple[str, str]]:
    return [("values", str(each)) for each in data]

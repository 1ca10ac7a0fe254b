"""Runs as rows: created on a locked thread, cancelled, read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from agents.ownership import REACHED, reach
from agents.runs import queue
from agents.runs.queue import Cancel, Claim
from agents.runs.request import RunRequest
from core.db import Connection
from core.errors import Conflict, NotFound
from core.tenancy import TenantContext

Status = Literal["pending", "running", "success", "error", "timeout", "interrupted"]
MultitaskStrategy = Literal["enqueue", "interrupt", "rollback", "reject"]

_COLUMNS: LiteralString = (
    "run_id, thread_id, user_id, assistant_id, graph_id, status, multitask_strategy, request, metadata, "
    "events_after, error_code, error_detail, created_at, updated_at"
)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of an assistant on a thread; its events are numbered from `events_after` on."""

    run_id: UUID
    thread_id: UUID
    user_id: UUID
    assistant_id: UUID
    graph_id: str
    status: Status
    multitask_strategy: MultitaskStrategy
    request: RunRequest
    metadata: dict[str, Any]
    events_after: int
    error_code: str | None
    error_detail: str | None
    created_at: datetime
    updated_at: datetime


async def create(
    connection: Connection,
    ctx: TenantContext,
    *,
    thread_id: UUID,
    assistant_id: UUID,
    graph_id: str,
    request: RunRequest,
    metadata: dict[str, Any] | None = None,
    multitask_strategy: MultitaskStrategy = "enqueue",
    after_seconds: float = 0,
    run_id: UUID | None = None,
    executor: UUID | None = None,
) -> tuple[Run, Claim | None]:
    """On a thread that the caller has locked; with `executor`, that executor has it at once if the thread is free.

    Raises `Conflict` when the thread is busy and the strategy is to reject, or when `run_id` is taken.
    """
    is_free = await _make_way(connection, ctx, thread_id, multitask_strategy)
    starts_now = executor is not None and is_free and after_seconds == 0
    status: Status = "running" if starts_now else "pending"
    run_id = run_id or uuid7()
    try:
        async with connection.pipeline():
            await _mark_busy(connection, ctx, thread_id, assistant_id, graph_id)
            inserted = await _insert(
                connection,
                ctx,
                run_id,
                thread_id,
                assistant_id,
                graph_id,
                status,
                multitask_strategy,
                request,
                metadata or {},
            )
            claim = await queue.put(
                connection,
                ctx,
                run_id,
                thread_id,
                delay_seconds=after_seconds,
                executor=executor if starts_now else None,
            )
    except UniqueViolation as exc:
        raise Conflict("There is a run with this id already.", code="run_exists") from exc
    row = await inserted.fetchone()
    assert row is not None, "an insert returns its row"
    return _run(row), claim


async def start(connection: Connection, ctx: TenantContext, run_id: UUID) -> Run:
    """By whoever claimed it, for the first time or again."""
    rows = await connection.execute(
        "UPDATE runs SET status = 'running', updated_at = now() WHERE tenant_id = %s AND run_id = %s "
        f"RETURNING {_COLUMNS}",
        (ctx.tenant_id, run_id),
    )
    row = await rows.fetchone()
    assert row is not None, "a queued run has a row"
    return _run(row)


async def end(
    connection: Connection,
    ctx: TenantContext,
    run_id: UUID,
    status: Status,
    error_code: str | None = None,
    error_detail: str | None = None,
) -> None:
    await connection.execute(
        "UPDATE runs SET status = %s, error_code = %s, error_detail = %s, updated_at = now(), ended_at = now() "
        "WHERE tenant_id = %s AND run_id = %s",
        (status, error_code, error_detail, ctx.tenant_id, run_id),
    )


async def get(connection: Connection, ctx: TenantContext, thread_id: UUID, run_id: UUID) -> Run:
    """Of a thread that the caller may see. Raises `NotFound`."""
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE tenant_id = %s AND thread_id = %s AND run_id = %s",
        (ctx.tenant_id, thread_id, run_id),
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("run")
    return _run(row)


async def list_of_thread(
    connection: Connection,
    ctx: TenantContext,
    thread_id: UUID,
    *,
    status: Status | None = None,
    limit: int = 10,
    offset: int = 0,
) -> list[Run]:
    """The newest first."""
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE tenant_id = %(tenant_id)s AND thread_id = %(thread_id)s "
        "AND (%(status)s::text IS NULL OR status = %(status)s) "
        "ORDER BY created_at DESC, run_id DESC LIMIT %(limit)s OFFSET %(offset)s",
        {
            "tenant_id": ctx.tenant_id,
            "thread_id": thread_id,
            "status": status,
            "limit": limit,
            "offset": offset,
        },
    )
    return [_run(row) for row in await rows.fetchall()]


async def unfinished(
    connection: Connection, ctx: TenantContext, status: Literal["pending", "running", "all"]
) -> dict[UUID, list[UUID]]:
    """Of the threads that the caller reaches by role: run ids by thread."""
    rows = await connection.execute(
        "SELECT thread_id, array_agg(run_id) AS run_ids FROM runs WHERE tenant_id = %(tenant_id)s "
        f"AND status = ANY(%(statuses)s) AND thread_id IN (SELECT thread_id FROM threads WHERE {REACHED}) "
        "GROUP BY thread_id",
        {**reach(ctx, by_role=True), "statuses": ["pending", "running"] if status == "all" else [status]},
    )
    return {row["thread_id"]: row["run_ids"] for row in await rows.fetchall()}


async def delete(connection: Connection, ctx: TenantContext, run: Run) -> None:
    """Raises `Conflict` while it has not ended."""
    if run.status in ("pending", "running"):
        raise Conflict("The run has not ended; cancel it first.", code="run_active")
    await delete_row(connection, ctx, run.run_id)


async def delete_row(connection: Connection, ctx: TenantContext, run_id: UUID) -> None:
    await connection.execute("DELETE FROM runs WHERE tenant_id = %s AND run_id = %s", (ctx.tenant_id, run_id))


async def cancel(
    connection: Connection, ctx: TenantContext, thread_id: UUID, run_ids: list[UUID], action: Cancel
) -> bool:
    """On a locked thread: what waits ends here, what runs is asked to. Whether any of them had not ended yet."""
    waiting = [item for item in await queue.of_thread(connection, ctx, thread_id) if item.run_id in run_ids]
    for item in waiting:
        await _cancel(connection, ctx, thread_id, item, action)
    return bool(waiting)


async def _make_way(
    connection: Connection, ctx: TenantContext, thread_id: UUID, multitask_strategy: MultitaskStrategy
) -> bool:
    """Does to the thread's other runs what the strategy says. Whether none is left; raises `Conflict`."""
    others = await queue.of_thread(connection, ctx, thread_id)
    if others and multitask_strategy == "reject":
        raise Conflict(
            "The thread is already running; wait for it, or choose another multitask_strategy.", code="thread_busy"
        )
    if multitask_strategy in ("interrupt", "rollback"):
        for other in others:
            await _cancel(connection, ctx, thread_id, other, multitask_strategy)
        others = [other for other in others if other.executing]
    return not others


async def _cancel(
    connection: Connection, ctx: TenantContext, thread_id: UUID, item: queue.Queued, action: Cancel
) -> None:
    if item.executing:
        await queue.ask_to_cancel(connection, ctx, item.run_id, action)
        return
    await queue.remove(connection, ctx, item.run_id)
    if action == "rollback":
        await delete_row(connection, ctx, item.run_id)
    else:
        await end(connection, ctx, item.run_id, "interrupted")
    await settle_thread(connection, ctx, thread_id)


async def settle_thread(connection: Connection, ctx: TenantContext, thread_id: UUID) -> None:
    """A thread is busy while a run of it waits or runs; then it says how the last one left it."""
    await connection.execute(
        "UPDATE threads t SET updated_at = now(), status = CASE "
        "WHEN EXISTS (SELECT FROM run_queue q WHERE q.tenant = t.tenant_id AND q.thread_id = t.thread_id) "
        "THEN 'busy' WHEN error IS NOT NULL THEN 'error' "
        "WHEN interrupts <> '{}' THEN 'interrupted' ELSE 'idle' END "
        "WHERE tenant_id = %s AND thread_id = %s",
        (ctx.tenant_id, thread_id),
    )


async def _mark_busy(
    connection: Connection, ctx: TenantContext, thread_id: UUID, assistant_id: UUID, graph_id: str
) -> None:
    await connection.execute(
        "UPDATE threads SET status = 'busy', updated_at = now(), metadata = metadata || %s "
        "WHERE tenant_id = %s AND thread_id = %s",
        (
            Jsonb({"graph_id": graph_id, "assistant_id": str(assistant_id)}),
            ctx.tenant_id,
            thread_id,
        ),
    )


async def _insert(
    connection: Connection,
    ctx: TenantContext,
    run_id: UUID,
    thread_id: UUID,
    assistant_id: UUID,
    graph_id: str,
    status: Status,
    multitask_strategy: MultitaskStrategy,
    request: RunRequest,
    metadata: dict[str, Any],
) -> AsyncCursor[DictRow]:
    """Where its row is fetched from."""
    return await connection.execute(
        "INSERT INTO runs (tenant_id, run_id, thread_id, user_id, assistant_id, graph_id, status, "
        "multitask_strategy, request, metadata, events_after) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
        "coalesce((SELECT seq FROM thread_heads WHERE tenant_id = %s AND thread_id = %s), 0)) "
        f"RETURNING {_COLUMNS}",
        (
            ctx.tenant_id,
            run_id,
            thread_id,
            ctx.user_id,
            assistant_id,
            graph_id,
            status,
            multitask_strategy,
            Jsonb(request.model_dump(mode="json", exclude_defaults=True)),
            Jsonb(metadata),
            ctx.tenant_id,
            thread_id,
        ),
    )


def _run(row: dict[str, Any]) -> Run:
    return Run(**{**row, "request": RunRequest.model_validate(row["request"])})

"""Threads as rows: made, found, locked, changed and deleted by those who reach them.

`by_role` lets owners and admins of the tenant reach every thread of it; without it a thread is its author's alone.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from agents.ownership import REACHED, reach
from agents.runs import queue
from core.db import Connection
from core.errors import Conflict, Invalid, NotFound
from core.tenancy import TenantContext
from graphs.checkpoints import retention
from graphs.fence import Fence

Status = Literal["idle", "busy", "interrupted", "error"]
Expiry = Literal["delete", "keep_latest"]

UNTITLED = "New thread"
METADATA_MAX_CHARACTERS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ttl:
    """What happens after so many minutes: the thread goes, or only its older checkpoints do."""

    minutes: float
    strategy: Expiry = "delete"


@dataclass(frozen=True, slots=True)
class Thread:
    """`values` is the newest state, None before there is one; `interrupts` are those that wait, by task.

    `ttl` is {"strategy", "ttl_minutes"}.
    """

    thread_id: UUID
    user_id: UUID
    title: str
    metadata: dict[str, Any]
    status: Status
    config: dict[str, Any]
    values: dict[str, Any] | None
    interrupts: dict[str, list[dict[str, Any]]]
    error: dict[str, Any] | None
    ttl: dict[str, Any] | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    state_updated_at: datetime


COLUMNS: LiteralString = (
    "thread_id, user_id, title, metadata, status, config, values, interrupts, error, ttl, expires_at, "
    "created_at, updated_at, state_updated_at"
)
_ONE: LiteralString = f"{REACHED} AND thread_id = %(thread_id)s"
_EXPIRES_AT: LiteralString = "now() + make_interval(secs => %(ttl_minutes)s::float8 * 60)"


async def create(
    connection: Connection,
    ctx: TenantContext,
    *,
    thread_id: UUID | None = None,
    title: str | None = None,
    metadata: dict[str, Any] | None = None,
    if_exists: Literal["raise", "do_nothing"] = "raise",
    ttl: Ttl | None = None,
) -> Thread:
    """The caller's own. Raises `Conflict` when the id is taken; with `do_nothing` only by one they do not reach."""
    created = await _insert(connection, ctx, thread_id or uuid7(), title, metadata or {}, ttl)
    if created is not None:
        return created
    assert thread_id is not None, "a new id is not taken"
    if if_exists == "do_nothing" and await _reaches(connection, ctx, thread_id, by_role=True):
        return await get(connection, ctx, thread_id, by_role=True)
    raise Conflict(f"There is a thread {thread_id} already.", code="thread_exists")


async def ensure(
    connection: Connection,
    ctx: TenantContext,
    thread_id: UUID,
    *,
    if_not_exists: Literal["create", "reject"],
    by_role: bool = False,
) -> None:
    """As `lock`, after making the thread if it is missing and that is wanted."""
    if if_not_exists == "create":
        await _insert(connection, ctx, thread_id)
    await lock(connection, ctx, thread_id, by_role=by_role)


async def get(connection: Connection, ctx: TenantContext, thread_id: UUID, *, by_role: bool = False) -> Thread:
    """Raises `NotFound`."""
    rows = await connection.execute(
        f"SELECT {COLUMNS} FROM threads WHERE {_ONE}", {**reach(ctx, by_role=by_role), "thread_id": thread_id}
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("thread")
    return Thread(**row)


async def require(connection: Connection, ctx: TenantContext, thread_id: UUID, *, by_role: bool = False) -> None:
    """Raises `NotFound` for a thread that the caller does not reach; reads no more than that."""
    if not await _reaches(connection, ctx, thread_id, by_role=by_role):
        raise NotFound("thread")


async def lock(connection: Connection, ctx: TenantContext, thread_id: UUID, *, by_role: bool = False) -> None:
    """As `require`; until the transaction ends nobody else changes the thread or puts a run on it.

    Everybody locks the thread first, then its head, then its place in the queue.
    """
    # No stronger: the events of a run refer to the thread, and go on.
    if not await _reaches(connection, ctx, thread_id, by_role=by_role, locking=" FOR NO KEY UPDATE"):
        raise NotFound("thread")


async def reserve(connection: Connection, ctx: TenantContext, thread_id: UUID) -> Fence:
    """The right to write checkpoints between two runs, which the next run's claim ends.

    Raises `NotFound`, and `Conflict` while a run waits or executes.
    """
    await lock(connection, ctx, thread_id, by_role=True)
    if await queue.of_thread(connection, ctx, thread_id):
        raise Conflict("The thread has a run that has not ended; wait for it or cancel it.", code="thread_busy")
    rows = await connection.execute(
        "UPDATE thread_heads SET fence = fence + 1 WHERE tenant_id = %s AND thread_id = %s RETURNING fence",
        (ctx.tenant_id, thread_id),
    )
    row = await rows.fetchone()
    assert row is not None, "a thread has a head"
    return Fence(thread_id, row["fence"])


async def patch(
    connection: Connection,
    ctx: TenantContext,
    thread_id: UUID,
    *,
    metadata: dict[str, Any] | None = None,
    ttl: Ttl | None = None,
) -> Thread:
    """By role: merges `metadata`; `ttl` counts from now. Raises `NotFound`, and `Invalid` for too much metadata."""
    rows = await connection.execute(
        "UPDATE threads SET metadata = metadata || %(metadata)s, updated_at = now(), "
        f"ttl = coalesce(%(ttl)s, ttl), expires_at = coalesce({_EXPIRES_AT}, expires_at) "
        f"WHERE {_ONE} RETURNING {COLUMNS}",
        {
            **reach(ctx, by_role=True),
            "thread_id": thread_id,
            "metadata": Jsonb(_bounded(metadata or {})),
            **_expiry(ttl),
        },
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("thread")
    _bounded(row["metadata"])
    return Thread(**row)


async def delete(connection: Connection, ctx: TenantContext, thread_id: UUID, *, by_role: bool = False) -> None:
    """With everything that was said, run and remembered on it; a run that executes loses its thread and ends.

    Raises `NotFound`.
    """
    await lock(connection, ctx, thread_id, by_role=by_role)
    for statement in (
        # Whoever writes an event or a checkpoint holds the head: they finish first, and write nothing more.
        "SELECT FROM thread_heads WHERE tenant_id = %s AND thread_id = %s FOR UPDATE",
        "DELETE FROM threads WHERE tenant_id = %s AND thread_id = %s",
    ):
        await connection.execute(statement, (ctx.tenant_id, thread_id))
    await retention.forget(connection, ctx, thread_id)


async def _insert(
    connection: Connection,
    ctx: TenantContext,
    thread_id: UUID,
    title: str | None = None,
    metadata: dict[str, Any] | None = None,
    ttl: Ttl | None = None,
) -> Thread | None:
    """With its head; None when the tenant has a thread of this id."""
    rows = await connection.execute(
        "WITH thread AS (INSERT INTO threads (tenant_id, thread_id, user_id, title, metadata, ttl, expires_at) "
        f"VALUES (%(tenant_id)s, %(thread_id)s, %(user_id)s, %(title)s, %(metadata)s, %(ttl)s, {_EXPIRES_AT}) "
        f"ON CONFLICT DO NOTHING RETURNING {COLUMNS}), "
        "head AS (INSERT INTO thread_heads (tenant_id, thread_id) SELECT %(tenant_id)s, thread_id FROM thread) "
        "SELECT * FROM thread",
        {
            "tenant_id": ctx.tenant_id,
            "thread_id": thread_id,
            "user_id": ctx.user_id,
            "title": title or UNTITLED,
            "metadata": Jsonb(_bounded(metadata or {})),
            **_expiry(ttl),
        },
    )
    row = await rows.fetchone()
    return None if row is None else Thread(**row)


async def _reaches(
    connection: Connection, ctx: TenantContext, thread_id: UUID, *, by_role: bool, locking: LiteralString = ""
) -> bool:
    found = await connection.execute(
        f"SELECT FROM threads WHERE {_ONE}{locking}", {**reach(ctx, by_role=by_role), "thread_id": thread_id}
    )
    return found.rowcount > 0


def _bounded(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(metadata)) > METADATA_MAX_CHARACTERS:
        raise Invalid(f"A thread's `metadata` may have at most {METADATA_MAX_CHARACTERS:,} characters of JSON.")
    return metadata


def _expiry(ttl: Ttl | None) -> dict[str, Any]:
    if ttl is None:
        return {"ttl": None, "ttl_minutes": None}
    return {"ttl": Jsonb({"strategy": ttl.strategy, "ttl_minutes": ttl.minutes}), "ttl_minutes": ttl.minutes}

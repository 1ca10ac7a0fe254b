"""The queue of runs that have not ended: who may execute which, and until when.

A lease is renewed while its executor lives; a run whose lease has run out is anybody's. Each claim raises the
thread's fence, so that an executor which was only asleep can write nothing any more.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg.errors import LockNotAvailable, UniqueViolation

from core.db import BlockingConnection, Connection, Database
from core.tenancy import Role, TenantContext
from graphs.fence import Fence

LEASE_SECONDS = 3.5

Cancel = Literal["interrupt", "rollback"]
# The claims that are still an executor's own, by run and attempt, and what was asked of each.
Held = dict[tuple[UUID, int], Cancel | None]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to execute one run. `attempts` counts the claims so far, this one included."""

    ctx: TenantContext
    run_id: UUID
    fence: Fence
    attempts: int
    cancel: Cancel | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """`executing` is true while an executor has the run, or had it and died."""

    run_id: UUID
    executing: bool


async def put(
    connection: Connection,
    ctx: TenantContext,
    run_id: UUID,
    thread_id: UUID,
    *,
    delay_seconds: float = 0,
    executor: UUID | None = None,
) -> Claim | None:
    """In the caller's transaction, on a locked thread; `executor` has the run at once, if the thread is free."""
    await connection.execute(
        "INSERT INTO run_queue (tenant, run_id, thread_id, user_id, role, available_at, "
        "executor, lease_until, attempts) "
        "VALUES (%(tenant)s, %(run_id)s, %(thread_id)s, %(user_id)s, %(role)s, "
        "now() + make_interval(secs => %(delay)s), %(executor)s, "
        "CASE WHEN %(executor)s::uuid IS NOT NULL THEN now() + make_interval(secs => %(lease)s) END, %(attempts)s)",
        {
            "tenant": ctx.tenant_id,
            "run_id": run_id,
            "thread_id": thread_id,
            "user_id": ctx.user_id,
            "role": ctx.role,
            "delay": delay_seconds,
            "executor": executor,
            "lease": LEASE_SECONDS,
            "attempts": 0 if executor is None else 1,
        },
    )
    if executor is None:
        return None
    return Claim(ctx, run_id, await _raise_fence(connection, ctx, thread_id), attempts=1)


async def of_thread(connection: Connection, ctx: TenantContext, thread_id: UUID) -> list[Queued]:
    """The oldest first."""
    rows = await connection.execute(
        "SELECT run_id, executor IS NOT NULL AS executing FROM run_queue "
        "WHERE tenant = %s AND thread_id = %s ORDER BY position",
        (ctx.tenant_id, thread_id),
    )
    return [Queued(**row) for row in await rows.fetchall()]


async def claim(database: Database, executor: UUID) -> Claim | None:
    """The next run that may start, or whose executor died; None when there is none.

    It is the oldest run of the tenant with the fewest that execute.
    """
    while (row := await _take(database, executor)) is not None:
        ctx = TenantContext(row["tenant"], row["user_id"], Role(row["role"]))
        if (fence := await _fence(database, ctx, executor, row)) is not None:
            return Claim(ctx, row["run_id"], fence, row["attempts"], row["cancel"])
        await _postpone(database, executor, row)
    return None


# Tenants are found by skipping through an index, so that a long queue of one costs no more than a short one;
# the last join locks a single row, because it goes through them in turn and stops at the first run.
_TAKE: LiteralString = """
WITH RECURSIVE dead AS (
    SELECT tenant, run_id FROM run_queue WHERE executor IS NOT NULL AND lease_until < now()
    ORDER BY position LIMIT 1 FOR UPDATE SKIP LOCKED
), busy AS (
    SELECT tenant, thread_id FROM run_queue WHERE executor IS NOT NULL
), waiting AS (
    (SELECT tenant, position FROM run_queue WHERE executor IS NULL AND available_at <= now()
     ORDER BY tenant, position LIMIT 1)
    UNION ALL
    SELECT further.* FROM waiting, LATERAL (
        SELECT tenant, position FROM run_queue
        WHERE executor IS NULL AND available_at <= now() AND tenant > waiting.tenant
        ORDER BY tenant, position LIMIT 1
    ) further
), turns AS (
    SELECT tenant FROM waiting
    ORDER BY (SELECT count(*) FROM busy WHERE busy.tenant = waiting.tenant), position
), fair AS (
    SELECT oldest.* FROM turns, LATERAL (
        SELECT tenant, run_id FROM run_queue q
        WHERE tenant = turns.tenant AND executor IS NULL AND available_at <= now()
        AND (tenant, thread_id) NOT IN (TABLE busy) AND NOT EXISTS (
            SELECT FROM run_queue earlier WHERE earlier.tenant = q.tenant AND earlier.thread_id = q.thread_id
            AND earlier.position < q.position AND earlier.available_at <= now()
        )
        ORDER BY position LIMIT 1 FOR UPDATE SKIP LOCKED
    ) oldest
    WHERE NOT EXISTS (TABLE dead) LIMIT 1
)
UPDATE run_queue q SET executor = %(executor)s, attempts = attempts + 1,
    lease_until = now() + make_interval(secs => %(lease)s)
FROM (TABLE dead UNION ALL TABLE fair) next WHERE q.tenant = next.tenant AND q.run_id = next.run_id
RETURNING q.tenant, q.run_id, thread_id, user_id, role, attempts, cancel
"""


async def _take(database: Database, executor: UUID) -> dict[str, Any] | None:
    while True:
        # Which says that another executor started another run of the same thread a moment earlier.
        with suppress(UniqueViolation):
            async with database.untenanted_connection() as connection:
                rows = await connection.execute(_TAKE, {"executor": executor, "lease": LEASE_SECONDS})
                return await rows.fetchone()


async def _fence(database: Database, ctx: TenantContext, executor: UUID, row: dict[str, Any]) -> Fence | None:
    """None when the thread is locked or gone, or when this claim slept and the run is another's by now."""
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute("SET LOCAL lock_timeout = '250ms'")
        try:
            head = await connection.execute(
                "SELECT FROM thread_heads WHERE tenant_id = %s AND thread_id = %s FOR NO KEY UPDATE",
                (ctx.tenant_id, row["thread_id"]),
            )
        except LockNotAvailable:
            # By a process that sleeps in the middle of a transaction; Postgres ends that before long.
            return None
        if head.rowcount == 0:
            await remove(connection, ctx, row["run_id"])
            return None
        # Whoever takes the run from here on waits for the head: the successor's fence is the higher one.
        ours = await connection.execute(
            "SELECT FROM run_queue WHERE tenant = %s AND run_id = %s AND executor = %s AND attempts = %s",
            (ctx.tenant_id, row["run_id"], executor, row["attempts"]),
        )
        return await _raise_fence(connection, ctx, row["thread_id"]) if ours.rowcount else None


async def _postpone(database: Database, executor: UUID, row: dict[str, Any]) -> None:
    """If it is still ours, somebody tries again in a second, and this was no attempt."""
    async with database.untenanted_connection() as connection:
        await connection.execute(
            "UPDATE run_queue SET attempts = attempts - 1, lease_until = now() + interval '1 second' "
            "WHERE (tenant, run_id) = (SELECT tenant, run_id FROM run_queue "
            "WHERE tenant = %s AND run_id = %s AND executor = %s AND attempts = %s FOR UPDATE SKIP LOCKED)",
            (row["tenant"], row["run_id"], executor, row["attempts"]),
        )


def renew(connection: BlockingConnection, executor: UUID, run_ids: list[UUID]) -> Held:
    """Of the runs that it executes; what a transaction has locked nobody takes, and it does not hold up the rest."""
    rows = connection.execute(
        "WITH free AS (SELECT tenant, run_id FROM run_queue "
        "WHERE executor = %(executor)s AND run_id = ANY(%(run_ids)s) FOR UPDATE SKIP LOCKED), "
        "renewed AS (UPDATE run_queue q SET lease_until = now() + make_interval(secs => %(lease)s) "
        "FROM free WHERE q.tenant = free.tenant AND q.run_id = free.run_id) "
        "SELECT run_id, attempts, cancel FROM run_queue WHERE executor = %(executor)s AND run_id = ANY(%(run_ids)s)",
        {"executor": executor, "run_ids": run_ids, "lease": LEASE_SECONDS},
    )
    return {(row["run_id"], row["attempts"]): row["cancel"] for row in rows.fetchall()}


async def release(database: Database, executor: UUID) -> None:
    """Gives back what a stopping executor has not finished: another one need not wait for the leases."""
    async with database.untenanted_connection() as connection:
        await connection.execute(
            "UPDATE run_queue SET executor = NULL, lease_until = NULL WHERE executor = %s",
            (executor,),
        )


async def ask_to_cancel(connection: Connection, ctx: TenantContext, run_id: UUID, action: Cancel) -> None:
    """A rollback that was asked for stays one."""
    await connection.execute(
        "UPDATE run_queue SET cancel = %s WHERE tenant = %s AND run_id = %s AND cancel IS DISTINCT FROM 'rollback'",
        (action, ctx.tenant_id, run_id),
    )


async def remove(connection: Connection, ctx: TenantContext, run_id: UUID) -> None:
    await connection.execute("DELETE FROM run_queue WHERE tenant = %s AND run_id = %s", (ctx.tenant_id, run_id))


async def _raise_fence(connection: Connection, ctx: TenantContext, thread_id: UUID) -> Fence:
    rows = await connection.execute(
        "UPDATE thread_heads SET fence = fence + 1 WHERE tenant_id = %s AND thread_id = %s RETURNING fence",
        (ctx.tenant_id, thread_id),
    )
    row = await rows.fetchone()
    assert row is not None, "a thread has a head"
    return Fence(thread_id, row["fence"])

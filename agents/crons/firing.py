"""A cron that is due starts its run, once, and names its next date in the same transaction."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from agents import starting
from agents.crons import jobs as cron_jobs
from agents.crons.crons import COLUMNS, Cron, from_row
from agents.engine import Engine
from agents.runs.request import RunRequest
from agents.starting import Accepted
from core.db import Connection
from core.errors import ClientError
from core.tenancy import Role, TenantContext
from tenants.permissions import lesser_role

log = logging.getLogger(__name__)


async def fire(engine: Engine, ctx: TenantContext, cron_id: UUID, due: datetime) -> None:
    """Does nothing for a date that is no longer the cron's next; dates that were slept through count as one.

    Raises `Unavailable` when the database is away: nothing has happened then.
    """
    async with engine.database.tenant_transaction(ctx) as connection:
        await _lock_thread(connection, ctx, cron_id)
        cron = await _due(connection, ctx, cron_id, due)
        if cron is None:
            return
        now = datetime.now(UTC)
        over = cron.timing.end_time is not None and cron.timing.end_time < now
        await _reschedule(connection, ctx, cron, after=max(due, now))
        accepted = None if over else await _start(engine, connection, ctx, cron)
    if accepted is not None:
        await starting.go(engine, ctx, accepted)


async def _lock_thread(connection: Connection, ctx: TenantContext, cron_id: UUID) -> None:
    """If it has one, and before the cron itself: whoever deletes a thread holds it and then takes its crons."""
    await connection.execute(
        "SELECT FROM threads WHERE tenant_id = %(tenant_id)s AND thread_id = "
        "(SELECT thread_id FROM crons WHERE tenant_id = %(tenant_id)s AND cron_id = %(cron_id)s) FOR NO KEY UPDATE",
        {"tenant_id": ctx.tenant_id, "cron_id": cron_id},
    )


async def _due(connection: Connection, ctx: TenantContext, cron_id: UUID, due: datetime) -> Cron | None:
    """Locked: of two jobs for one date, the second finds the cron already rescheduled."""
    rows = await connection.execute(
        f"SELECT {COLUMNS} FROM crons WHERE tenant_id = %s AND cron_id = %s AND next_run_date = %s FOR UPDATE",
        (ctx.tenant_id, cron_id, due),
    )
    row = await rows.fetchone()
    return None if row is None else from_row(row)


async def _reschedule(connection: Connection, ctx: TenantContext, cron: Cron, *, after: datetime) -> None:
    next_date = cron.timing.next_date(after)
    await connection.execute(
        "UPDATE crons SET next_run_date = %s WHERE tenant_id = %s AND cron_id = %s",
        (next_date, ctx.tenant_id, cron.cron_id),
    )
    await cron_jobs.defer(connection, ctx, cron.cron_id, next_date)


async def _start(engine: Engine, connection: Connection, ctx: TenantContext, cron: Cron) -> Accepted | None:
    """What stands in the way of this run, such as a busy thread, does not stop the next."""
    asked = cron.request.model_dump(exclude={"multitask_strategy"})
    try:
        async with connection.transaction():
            owner = replace(ctx, user_id=cron.user_id, role=await _role(connection, ctx, cron))
            return await starting.put(
                engine,
                connection,
                owner,
                str(cron.assistant_id),
                RunRequest(**asked | {"on_completion": cron.on_run_completed}),
                thread_id=cron.thread_id,
                metadata={**cron.metadata, "cron_id": str(cron.cron_id)},
                multitask_strategy=cron.request.multitask_strategy,
            )
    except ClientError as error:
        log.warning("a cron could not start its run: %s", error.code, extra={"tenant_id": ctx.tenant_id})
        return None


async def _role(connection: Connection, ctx: TenantContext, cron: Cron) -> Role:
    """What its owner may do today, and no more than when they made it."""
    rows = await connection.execute(
        "SELECT role FROM memberships WHERE tenant_id = %s AND user_id = %s", (ctx.tenant_id, cron.user_id)
    )
    row = await rows.fetchone()
    assert row is not None, "crons go with the membership of their owner"
    return lesser_role(Role(cron.role), Role(row["role"]))

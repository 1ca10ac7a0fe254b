"""The job that waits for a cron's next date; whoever does it finds out whether that is still its date."""

from datetime import datetime
from typing import Final
from uuid import UUID

from core import jobs
from core.db import Connection
from core.tenancy import TenantContext

QUEUE: Final = "crons"
FIRE_CRON: Final = "fire_cron"


async def defer(connection: Connection, ctx: TenantContext, cron_id: UUID, due: datetime | None) -> None:
    """Does nothing for a cron without a next date."""
    if due is None:
        return
    await jobs.defer(
        connection,
        FIRE_CRON,
        {
            "tenant_id": str(ctx.tenant_id),
            "user_id": str(ctx.user_id),
            "cron_id": str(cron_id),
            "due": due.isoformat(),
        },
        queue=QUEUE,
        at=due,
        queueing_lock=_lock(ctx, cron_id, due),
    )


async def withdraw(connection: Connection, ctx: TenantContext, cron_id: UUID, due: datetime | None) -> None:
    """Before a cron gets another date, or none; a job that has begun is stale by itself."""
    if due is not None:
        await connection.execute(
            "DELETE FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'",
            (_lock(ctx, cron_id, due),),
        )


def _lock(ctx: TenantContext, cron_id: UUID, due: datetime) -> str:
    """With its date: a job given back by a dead worker must not meet its own successor."""
    return f"cron:{ctx.tenant_id}:{cron_id}:{due.timestamp():.0f}"

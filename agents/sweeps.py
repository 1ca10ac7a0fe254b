"""What has outlived its time goes: events of runs that ended, threads, items of the store."""

from typing import Final, LiteralString
from uuid import UUID

from agents.events import log as event_log
from agents.events.batches import EXPIRE_AT_ONCE
from agents.threads import threads
from core.db import Connection, Database
from core.tenancy import Role, TenantContext
from graphs.checkpoints import retention
from graphs.store.items import expire_items

QUEUE: Final = "sweeps"
SWEEP: Final = "sweep"
# Often enough that a thread which was made for one run does not stay long.
SCHEDULE: Final = "*/5 * * * *"
THREADS_AT_ONCE = 100

_NOBODY = UUID(int=0)

# Locked: nobody puts a run on a thread while it goes.
_EXPIRED: LiteralString = """
SELECT thread_id, ttl->>'strategy' AS strategy FROM threads t
WHERE tenant_id = %(tenant_id)s AND expires_at <= now() AND NOT EXISTS (
    SELECT FROM run_queue q WHERE q.tenant = t.tenant_id AND q.thread_id = t.thread_id
)
ORDER BY expires_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""


async def sweep(database: Database, *, event_retention_seconds: float) -> None:
    """Tenant by tenant, each through its own door."""
    for ctx in await _tenants(database):
        while await _expire_events(database, ctx, event_retention_seconds) == EXPIRE_AT_ONCE:
            pass
        while await _expire_threads(database, ctx) == THREADS_AT_ONCE:
            pass
        async with database.tenant_transaction(ctx) as connection:
            await expire_items(connection)


async def _tenants(database: Database) -> list[TenantContext]:
    async with database.auth_transaction() as connection:
        rows = await connection.execute("SELECT tenant_id FROM tenants ORDER BY tenant_id")
        return [TenantContext(row["tenant_id"], _NOBODY, Role.OWNER) for row in await rows.fetchall()]


async def _expire_events(database: Database, ctx: TenantContext, retention_seconds: float) -> int:
    async with database.tenant_transaction(ctx) as connection:
        return await event_log.expire(connection, ctx, retention_seconds)


async def _expire_threads(database: Database, ctx: TenantContext) -> int:
    """Returns how many; there may be more when it is `THREADS_AT_ONCE`."""
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(_EXPIRED, {"tenant_id": ctx.tenant_id, "limit": THREADS_AT_ONCE})
        expired = await rows.fetchall()
        for row in expired:
            if row["strategy"] == "keep_latest":
                await _keep_latest(connection, ctx, row["thread_id"])
            else:
                await threads.delete(connection, ctx, row["thread_id"], by_role=True)
    return len(expired)


async def _keep_latest(connection: Connection, ctx: TenantContext, thread_id: UUID) -> None:
    """Drops the older checkpoints now, and again when the same time has passed."""
    await retention.keep_latest(connection, ctx, thread_id)
    await connection.execute(
        "UPDATE threads SET expires_at = now() + make_interval(secs => (ttl->>'ttl_minutes')::float8 * 60) "
        "WHERE tenant_id = %s AND thread_id = %s",
        (ctx.tenant_id, thread_id),
    )

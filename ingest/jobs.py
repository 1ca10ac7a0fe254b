"""The queue between upload and worker: procrastinate, on the same Postgres, in the same transaction."""

from uuid import UUID

from procrastinate import App, PsycopgConnector

from core.db import Connection, Database
from core.tenancy import TenantContext

QUEUE = "ingest"
PROCESS_DOCUMENT = "process_document"

# Deferring uses the caller's connection; this connector is never opened.
_deferrer = App(connector=PsycopgConnector())


async def enqueue(
    connection: Connection,
    ctx: TenantContext,
    document_id: UUID,
    version: int,
    *,
    failures: int = 0,
    delay_seconds: int | None = None,
) -> None:
    """Commits or vanishes with the caller's transaction. Versions of one document run one after another.

    Tenants take turns: a tenant's second waiting job comes after everyone's first, and so on.
    `failures` counts the attempts that have failed; one whose worker died or was stopped has not.
    """
    waiting = await connection.execute(
        "SELECT FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = %s AND args->>'tenant_id' = %s",
        (QUEUE, str(ctx.tenant_id)),
    )
    task = _deferrer.configure_task(
        PROCESS_DOCUMENT,
        queue=QUEUE,
        lock=f"{ctx.tenant_id}:{document_id}",
        schedule_in=None if delay_seconds is None else {"seconds": delay_seconds},
        priority=-waiting.rowcount,
        connection=connection,
    )
    await task.defer_async(
        tenant_id=str(ctx.tenant_id),
        user_id=str(ctx.user_id),
        document_id=str(document_id),
        version=version,
        failures=failures,
    )


async def requeue_stalled(database: Database, *, seconds: float) -> list[int]:
    """Back to the queue with the jobs of workers not heard of for `seconds`; returns the jobs' ids.

    One statement: of two workers that try it together, one gets each job.
    """
    async with database.untenanted_connection() as connection:
        rows = await connection.execute(
            "UPDATE procrastinate_jobs j SET status = 'todo', worker_id = NULL, attempts = attempts + 1 "
            "WHERE status = 'doing' AND queue_name = %s AND NOT EXISTS (SELECT FROM procrastinate_workers w "
            "WHERE w.id = j.worker_id AND w.last_heartbeat >= now() - make_interval(secs => %s)) RETURNING id",
            (QUEUE, seconds),
        )
        return [row["id"] for row in await rows.fetchall()]

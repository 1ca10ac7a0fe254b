"""The job queue: procrastinate, on the same Postgres, in the transaction that made the rows a job is about."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from procrastinate import App, PsycopgConnector

from core.db import Connection, Database
from core.errors import OperatorError, Unavailable
from core.settings import Settings

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 0.5
STALLED_SECONDS = 3.0
# Long after its jobs were taken up: a worker that was only asleep must find itself registered.
FORGOTTEN_SECONDS = 60.0
# Less than STALLED_SECONDS: while it shuts down, a worker sends no heartbeats.
SHUTDOWN_SECONDS = 2.0

# Deferring uses the caller's connection; this connector is never opened.
_deferrer = App(connector=PsycopgConnector())


async def defer(
    connection: Connection,
    task: str,
    arguments: Mapping[str, str | int],
    *,
    queue: str,
    at: datetime | None = None,
    delay_seconds: int | None = None,
    lock: str | None = None,
    queueing_lock: str | None = None,
    priority: int = 0,
) -> None:
    """Commits or vanishes with the caller's transaction. Jobs of one `lock` run one after another.

    Only one job of a `queueing_lock` may wait: with a second one the transaction fails.
    """
    deferred = _deferrer.configure_task(
        task,
        queue=queue,
        schedule_at=at,
        schedule_in=None if delay_seconds is None else {"seconds": delay_seconds},
        lock=lock,
        queueing_lock=queueing_lock,
        priority=priority,
        connection=connection,
    )
    await deferred.defer_async(**arguments)


async def turn(connection: Connection, queue: str, tenant_id: UUID) -> int:
    """The priority with which tenants take turns: a tenant's second waiting job comes after everyone's first."""
    rows = await connection.execute(
        "SELECT count(*) AS n FROM procrastinate_jobs "
        "WHERE status = 'todo' AND queue_name = %s AND args->>'tenant_id' = %s",
        (queue, str(tenant_id)),
    )
    row = await rows.fetchone()
    assert row is not None, "a count is always a row"
    return -int(row["n"])


async def requeue_stalled(database: Database, queues: Sequence[str], *, seconds: float) -> list[int]:
    """Back to the queue with the jobs of workers not heard of for `seconds`; returns the jobs' ids.

    One statement: of two workers that try it together, one gets each job.
    """
    async with database.untenanted_connection() as connection:
        rows = await connection.execute(
            "UPDATE procrastinate_jobs j SET status = 'todo', worker_id = NULL, attempts = attempts + 1 "
            "WHERE status = 'doing' AND queue_name = ANY(%s) AND NOT EXISTS (SELECT FROM procrastinate_workers w "
            "WHERE w.id = j.worker_id AND w.last_heartbeat >= now() - make_interval(secs => %s)) RETURNING id",
            (list(queues), seconds),
        )
        return [row["id"] for row in await rows.fetchall()]


def connector(settings: Settings) -> PsycopgConnector:
    """A few connections of the worker's own, as the application role."""
    if settings.database_url is None:
        raise OperatorError("No database is named; set ATRIUM_DATABASE_URL.")
    return PsycopgConnector(conninfo=settings.database_url.get_secret_value(), min_size=1, max_size=4)


async def work(app: App, database: Database, queues: Sequence[str], *, concurrency: int) -> None:
    """Does the jobs of `queues` until SIGINT or SIGTERM; what is unfinished then goes back to its queue."""
    async with app.open_async():
        rescuer = asyncio.create_task(_rescue_stalled(database, queues))
        try:
            await app.run_worker_async(
                queues=list(queues),
                concurrency=concurrency,
                fetch_job_polling_interval=0.5,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=FORGOTTEN_SECONDS,
                shutdown_graceful_timeout=SHUTDOWN_SECONDS,
                delete_jobs="successful",
            )
        finally:
            rescuer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await rescuer


async def _rescue_stalled(database: Database, queues: Sequence[str]) -> None:
    """Takes up the jobs of workers that died; every worker does so until cancelled."""
    while True:
        try:
            for job_id in await requeue_stalled(database, queues, seconds=STALLED_SECONDS):
                log.warning("taking up a dead worker's job", extra={"job_id": job_id})
        except Unavailable as error:
            log.warning("cannot look for dead workers' jobs: %s", error.code)
        await asyncio.sleep(HEARTBEAT_SECONDS)

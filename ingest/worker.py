"""`python -m ingest.worker`: takes documents off the queue until it is told to stop."""

import asyncio
import contextlib
import logging
import os
import sys

from procrastinate import PsycopgConnector

from core.db import Database
from core.errors import OperatorError, Unavailable
from core.resources import open_resources
from core.settings import Settings, load_settings
from core.telemetry import configure_logging
from ingest import jobs, parsing
from ingest.jobs import QUEUE
from ingest.limits import ParseLimits
from ingest.pipeline import Pipeline
from ingest.tasks import build_app
from retrieval import chunks
from retrieval.embeddings import embeddings_from

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 0.5
STALLED_SECONDS = 3.0
# Long after its jobs were taken up: a worker that was only asleep must find itself registered.
FORGOTTEN_SECONDS = 60.0
# Less than STALLED_SECONDS: while it shuts down, a worker sends no heartbeats.
SHUTDOWN_SECONDS = 2.0


async def rescue_stalled_jobs(database: Database) -> None:
    """Takes up the jobs of workers that died; every worker does so until cancelled."""
    while True:
        try:
            for job_id in await jobs.requeue_stalled(database, seconds=STALLED_SECONDS):
                log.warning("taking up a dead worker's job", extra={"job_id": job_id})
        except Unavailable as error:
            log.warning("cannot look for dead workers' jobs: %s", error.code)
        await asyncio.sleep(HEARTBEAT_SECONDS)


async def run(settings: Settings) -> None:
    """Until SIGINT or SIGTERM; unfinished documents go back to the queue."""
    parsing.start_parse_server()
    async with open_resources(settings) as resources:
        assert settings.database_url is not None
        connector = PsycopgConnector(conninfo=settings.database_url.get_secret_value(), min_size=1, max_size=4)
        embeddings = embeddings_from(settings, threads=os.cpu_count() or 1)
        await chunks.check_dimensions(resources.database, embeddings.dimensions)
        work = Pipeline(resources.database, resources.cache, embeddings, ParseLimits())
        app = build_app(connector, work)
        async with app.open_async():
            rescuer = asyncio.create_task(rescue_stalled_jobs(resources.database))
            try:
                await app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=settings.worker_concurrency,
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


def main() -> int:
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        asyncio.run(run(settings))
    except OperatorError as error:
        log.error(error.detail)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

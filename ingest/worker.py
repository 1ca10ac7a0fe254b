"""`python -m ingest.worker`: takes documents off the queue until it is told to stop."""

import asyncio
import contextlib
import logging
import sys
from typing import Any
from uuid import UUID

from procrastinate import App, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy

from core.errors import OperatorError
from core.resources import open_resources
from core.settings import Settings
from core.telemetry import configure_logging
from core.tenancy import Role, TenantContext
from ingest import parsing, pipeline
from ingest.jobs import PROCESS_DOCUMENT, QUEUE
from ingest.limits import ParseLimits
from ingest.pipeline import Pipeline
from retrieval.embeddings import embeddings_from

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
HEARTBEAT_SECONDS = 1.0
STALLED_SECONDS = 5.0
SHUTDOWN_SECONDS = 5.0
GAVE_UP = f"Processing failed {MAX_ATTEMPTS} times for a reason on our side; process the document again later."


class Backoff(BaseRetryStrategy):
    """1, 2, 4, 8 seconds. A job that only met the worker's end goes back at once."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, JobAborted | asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        if job.attempts + 1 >= MAX_ATTEMPTS:
            return None
        return RetryDecision(retry_in={"seconds": 2**job.attempts})


def build_app(connector: PsycopgConnector, work: Pipeline) -> App:
    app = App(connector=connector)

    @app.task(name=PROCESS_DOCUMENT, queue=QUEUE, retry=Backoff(), pass_context=True)
    async def process_document(context: JobContext, /, **arguments: Any) -> None:
        ctx, document_id, version = _arguments(arguments)
        log.info("processing", extra={"tenant_id": ctx.tenant_id, "document_id": document_id})
        try:
            await work.process(ctx, document_id, version)
        except Exception:
            if context.job.attempts + 1 >= MAX_ATTEMPTS:
                await pipeline.fail(work.database, ctx, document_id, version, "processing_failed", GAVE_UP)
            raise

    return app


async def rescue_stalled_jobs(app: App, work: Pipeline) -> None:
    """Takes up the jobs of workers that died, each second, in every worker; runs until cancelled."""
    while True:
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
            log.warning("taking up a dead worker's job", extra={"job_id": job.id})
            if job.attempts + 1 >= MAX_ATTEMPTS:
                ctx, document_id, version = _arguments(job.task_kwargs)
                await pipeline.fail(work.database, ctx, document_id, version, "processing_failed", GAVE_UP)
            await app.job_manager.retry_job(job)
        await asyncio.sleep(1)


def _arguments(arguments: dict[str, Any]) -> tuple[TenantContext, UUID, int]:
    ctx = TenantContext(UUID(arguments["tenant_id"]), UUID(arguments["user_id"]), Role.MEMBER)
    return ctx, UUID(arguments["document_id"]), int(arguments["version"])


async def run(settings: Settings) -> None:
    """Until SIGINT or SIGTERM; unfinished documents go back to the queue."""
    assert settings.database_url is not None
    connector = PsycopgConnector(conninfo=settings.database_url.get_secret_value(), min_size=1, max_size=4)
    parsing.start_parse_server()
    async with open_resources(settings) as resources:
        work = Pipeline(resources.database, resources.cache, embeddings_from(settings), ParseLimits())
        app = build_app(connector, work)
        async with app.open_async():
            rescuer = asyncio.create_task(rescue_stalled_jobs(app, work))
            try:
                await app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=settings.worker_concurrency,
                    fetch_job_polling_interval=1.0,
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_SECONDS,
                    shutdown_graceful_timeout=SHUTDOWN_SECONDS,
                    delete_jobs="successful",
                )
            finally:
                rescuer.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await rescuer


def main() -> int:
    try:
        settings = Settings()
        configure_logging(settings.log_level)
        asyncio.run(run(settings))
    except OperatorError as error:
        log.error(error.detail)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

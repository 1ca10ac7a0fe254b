"""What a worker does with a job: process its document, and try again later when that fails."""

import logging
from collections.abc import Callable
from uuid import UUID

from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy

from core.errors import AtriumError
from core.tenancy import Role, TenantContext
from ingest import jobs, pipeline
from ingest.jobs import PROCESS_DOCUMENT, QUEUE
from ingest.pipeline import Pipeline

log = logging.getLogger(__name__)

MAX_FAILURES = 8
# A document that takes its worker down must not do so for ever.
MAX_INTERRUPTIONS = 50
GAVE_UP = f"Processing failed {MAX_FAILURES} times for a reason on our side; process the document again later."
WORKER_KILLED = f"Processing was cut off {MAX_INTERRUPTIONS} times; split the document into parts and upload those."


def backoff(failures: int) -> int:
    """Seconds until the next attempt: 1, 2, 4 … 64, so that an endpoint may be away for two minutes."""
    return 1 << (failures - 1)


def build_app(connector: PsycopgConnector, work: Pipeline, *, backoff: Callable[[int], int] = backoff) -> App:
    app = App(connector=connector)

    # What escapes has met the worker's end, or a database that is away: neither is the document's failure.
    @app.task(name=PROCESS_DOCUMENT, queue=QUEUE, retry=RetryStrategy(wait=1), pass_context=True)
    async def process_document(
        context: JobContext, /, *, tenant_id: str, user_id: str, document_id: str, version: int, failures: int = 0
    ) -> None:
        ctx = TenantContext(UUID(tenant_id), UUID(user_id), Role.MEMBER)
        document = UUID(document_id)
        if context.job.attempts >= MAX_INTERRUPTIONS:
            await pipeline.fail(work.database, ctx, document, version, "worker_killed", WORKER_KILLED)
            return
        try:
            await work.process(ctx, document, version)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again or told to the owner
            _log_failure(error, ctx, document)
            if failures + 1 == MAX_FAILURES:
                await pipeline.fail(work.database, ctx, document, version, "processing_failed", GAVE_UP)
                return
            async with work.database.tenant_transaction(ctx) as connection:
                await jobs.enqueue(
                    connection,
                    ctx,
                    document,
                    version,
                    failures=failures + 1,
                    delay_seconds=backoff(failures + 1),
                )

    return app


def _log_failure(error: Exception, ctx: TenantContext, document_id: UUID) -> None:
    """Of our own errors only the code: what caused them may quote a key."""
    fields = {"tenant_id": ctx.tenant_id, "document_id": document_id}
    if isinstance(error, AtriumError):
        log.warning("processing failed: %s", error.code, extra=fields)
    else:
        log.error("processing failed", exc_info=error, extra=fields)

"""The queue between upload and worker: one job for each version of a document."""

from typing import Final
from uuid import UUID

from core import jobs
from core.db import Connection
from core.tenancy import TenantContext

QUEUE: Final = "ingest"
PROCESS_DOCUMENT: Final = "process_document"


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

    `failures` counts the attempts that have failed; one whose worker died or was stopped has not.
    """
    await jobs.defer(
        connection,
        PROCESS_DOCUMENT,
        {
            "tenant_id": str(ctx.tenant_id),
            "user_id": str(ctx.user_id),
            "document_id": str(document_id),
            "version": version,
            "failures": failures,
        },
        queue=QUEUE,
        lock=f"{ctx.tenant_id}:{document_id}",
        delay_seconds=delay_seconds,
        priority=await jobs.turn(connection, QUEUE, ctx.tenant_id),
    )

"""The queue between upload and worker: procrastinate, on the same Postgres, in the same transaction."""

from uuid import UUID

from procrastinate import App, PsycopgConnector

from core.db import Connection
from core.tenancy import TenantContext

QUEUE = "ingest"
PROCESS_DOCUMENT = "process_document"

# Deferring uses the caller's connection; this connector is never opened.
_deferrer = App(connector=PsycopgConnector())


async def enqueue(connection: Connection, ctx: TenantContext, document_id: UUID, version: int) -> None:
    """Commits or vanishes with the caller's transaction. Versions of one document run one after another."""
    task = _deferrer.configure_task(
        PROCESS_DOCUMENT, queue=QUEUE, lock=f"{ctx.tenant_id}:{document_id}", connection=connection
    )
    await task.defer_async(
        tenant_id=str(ctx.tenant_id), user_id=str(ctx.user_id), document_id=str(document_id), version=version
    )

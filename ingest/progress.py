"""How far a document is: the status from Postgres, the finer steps from Valkey while they last."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from core.cache import Cache, tenant_key
from core.db import Database
from core.tenancy import TenantContext
from ingest import documents
from ingest.documents import Document, Stage

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class DocumentProgress:
    """`done` of `total` pages while loading, of chunks while embedding; None where not known."""

    stage: Stage
    done: int | None = None
    total: int | None = None
    error_code: str | None = None
    error_detail: str | None = None


async def report(
    cache: Cache, ctx: TenantContext, document_id: UUID, stage: Stage, done: int, total: int | None
) -> None:
    """Best effort: without Valkey the stages stay, only the steps between them are not seen."""
    step = json.dumps({"stage": stage, "done": done, "total": total})
    await cache.publish(_key(ctx, document_id), step)


async def wake(cache: Cache, ctx: TenantContext, document_id: UUID) -> None:
    """Tells those who follow to look at the document itself."""
    await cache.publish(_key(ctx, document_id), "")


async def follow(
    database: Database, cache: Cache, ctx: TenantContext, knowledge_base_id: UUID, document_id: UUID
) -> AsyncIterator[DocumentProgress]:
    """Every change until the newest version is ready or failed. Holds no database connection in between."""
    last: DocumentProgress | None = None
    async with aclosing(cache.subscribe(_key(ctx, document_id), timeout_seconds=POLL_SECONDS)) as steps:
        async for step in steps:
            if step:
                now = DocumentProgress(**json.loads(step))
            else:
                now = _progress(await documents.get(database, ctx, knowledge_base_id, document_id))
                if last is not None and now.stage == last.stage:
                    continue
            yield now
            last = now
            if now.stage in ("ready", "failed"):
                return


def _progress(document: Document) -> DocumentProgress:
    if document.status == "ready":
        return DocumentProgress("ready", document.chunks, document.chunks)
    return DocumentProgress(document.status, error_code=document.error_code, error_detail=document.error_detail)


def _key(ctx: TenantContext, document_id: UUID) -> str:
    return tenant_key(ctx.tenant_id, "document", str(document_id))

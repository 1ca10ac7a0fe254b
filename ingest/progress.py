"""How far a document is: the status from Postgres, the finer steps from Valkey while they last."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from core.cache import Cache, tenant_key
from core.db import Database
from core.tenancy import TenantContext
from ingest import documents

STEP_SECONDS = 300
POLL_SECONDS = 1.0

Stage = Literal["queued", "loading", "embedding", "ready", "failed"]


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
    await cache.publish(_key(ctx, document_id), step, keep_seconds=STEP_SECONDS)


async def wake(cache: Cache, ctx: TenantContext, document_id: UUID) -> None:
    await cache.publish(_key(ctx, document_id), "", keep_seconds=1)


async def follow(
    database: Database, cache: Cache, ctx: TenantContext, knowledge_base_id: UUID, document_id: UUID
) -> AsyncIterator[DocumentProgress]:
    """Every change until the newest version is ready or failed. Holds no database connection in between."""
    last = None
    async with cache.subscribe(_key(ctx, document_id)) as messages:
        while True:
            now = await _current(database, cache, ctx, knowledge_base_id, document_id)
            if now != last:
                yield now
                last = now
            if now.stage in ("ready", "failed"):
                return
            await messages.wait(POLL_SECONDS)


async def _current(
    database: Database, cache: Cache, ctx: TenantContext, knowledge_base_id: UUID, document_id: UUID
) -> DocumentProgress:
    async with database.tenant_transaction(ctx) as connection:
        document = await documents.find(connection, ctx, knowledge_base_id, document_id)
    match document.status:
        case "loading" | "embedding":
            step = await cache.get(_key(ctx, document_id))
            return DocumentProgress(**json.loads(step)) if step else DocumentProgress("loading")
        case "ready":
            return DocumentProgress("ready", document.chunks, document.chunks)
        case "failed":
            return DocumentProgress("failed", None, None, document.error_code, document.error_detail)
        case _:
            return DocumentProgress("queued")


def _key(ctx: TenantContext, document_id: UUID) -> str:
    return tenant_key(ctx.tenant_id, "document", str(document_id))

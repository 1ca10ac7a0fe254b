"""Documents as they are read: which there are, and the text of one from its beginning."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from core.db import Connection, Database
from core.errors import NotFound
from core.tenancy import TenantContext


@dataclass(frozen=True, slots=True)
class ReadableDocument:
    """A document with a version that is ready; `pages` is None where its format has none."""

    document_id: UUID
    name: str
    knowledge_base: str
    pages: int | None
    chunks: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as it is read. ordinal: its 0-based position. page_start, page_end: 1-based, inclusive."""

    ordinal: int
    text: str
    headings: tuple[str, ...]
    page_start: int | None
    page_end: int | None


_READY: LiteralString = """
SELECT d.document_id, d.name, k.name AS knowledge_base, v.pages, coalesce(v.chunks, 0) AS chunks, v.updated_at
FROM documents d
JOIN document_versions v
  ON v.tenant_id = d.tenant_id AND v.document_id = d.document_id AND v.version = d.ready_version
JOIN knowledge_bases k ON k.tenant_id = d.tenant_id AND k.knowledge_base_id = d.knowledge_base_id
WHERE d.tenant_id = %(tenant_id)s
  AND (%(knowledge_base_ids)s::uuid[] IS NULL OR d.knowledge_base_id = ANY(%(knowledge_base_ids)s))
"""


async def list_documents(
    database: Database,
    ctx: TenantContext,
    *,
    knowledge_base_ids: Sequence[UUID] | None,
    query: str = "",
    limit: int,
    offset: int = 0,
) -> tuple[ReadableDocument, ...]:
    """By name, those whose name holds `query` in any case; of these knowledge bases, or (None) of all."""
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            _READY + "AND strpos(lower(d.name), lower(%(query)s)) > 0 "
            "ORDER BY d.name, d.document_id LIMIT %(limit)s OFFSET %(offset)s",
            {**_allowed(ctx, knowledge_base_ids), "query": query, "limit": limit, "offset": offset},
        )
        return tuple([ReadableDocument(**row) async for row in rows])


async def read_document(
    database: Database,
    ctx: TenantContext,
    document_id: UUID,
    *,
    knowledge_base_ids: Sequence[UUID] | None,
    first: int,
    limit: int,
) -> tuple[ReadableDocument, tuple[Passage, ...]]:
    """The document and its chunks in order, from position `first` on.

    Raises `NotFound`, also for one that is not ready or in none of these knowledge bases.
    """
    async with database.tenant_transaction(ctx, snapshot=True) as connection:
        rows = await connection.execute(
            _READY + "AND d.document_id = %(document_id)s",
            {**_allowed(ctx, knowledge_base_ids), "document_id": document_id},
        )
        row = await rows.fetchone()
        if row is None:
            raise NotFound("document")
        return ReadableDocument(**row), await _passages(connection, ctx, document_id, first, limit)


async def _passages(
    connection: Connection, ctx: TenantContext, document_id: UUID, first: int, limit: int
) -> tuple[Passage, ...]:
    rows = await connection.execute(
        "SELECT ordinal, text, headings, page_start, page_end FROM chunks "
        "WHERE tenant_id = %(tenant_id)s AND document_id = %(document_id)s AND ordinal >= %(first)s "
        "AND slot = (SELECT chunk_slot FROM tenants WHERE tenant_id = %(tenant_id)s) "
        "AND version = (SELECT ready_version FROM documents "
        "WHERE tenant_id = %(tenant_id)s AND document_id = %(document_id)s) "
        "ORDER BY ordinal LIMIT %(limit)s",
        {"tenant_id": ctx.tenant_id, "document_id": document_id, "first": first, "limit": limit},
    )
    return tuple([Passage(**{**row, "headings": tuple(row["headings"])}) async for row in rows])


def _allowed(ctx: TenantContext, knowledge_base_ids: Sequence[UUID] | None) -> dict[str, object]:
    return {
        "tenant_id": ctx.tenant_id,
        "knowledge_base_ids": None if knowledge_base_ids is None else list(knowledge_base_ids),
    }

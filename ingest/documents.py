"""Documents of a knowledge base: upload, list, get, delete, process again."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID, uuid4

from core.db import Connection, Database
from core.errors import NotFound
from core.paging import Cursor, Page, page
from core.tenancy import TenantContext
from ingest import blobs, jobs
from retrieval import chunks

Stage = Literal["queued", "loading", "embedding", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it arrived. `name` identifies the document within its knowledge base, `sha256` the bytes."""

    name: str
    data: bytes
    sha256: bytes

    @classmethod
    def of(cls, name: str, data: bytes) -> "Upload":
        """Takes a tenth of a second for the largest files: not for the event loop."""
        return cls(name, data, hashlib.sha256(data).digest())


@dataclass(frozen=True, slots=True)
class Document:
    """A document and its newest version.

    `ready_version` is the one that is searched, None until one is ready. `bytes`, `pages` and `chunks`
    describe the newest version; `error_code` and `error_detail` are set when its `status` is failed.
    """

    document_id: UUID
    knowledge_base_id: UUID
    name: str
    version: int
    ready_version: int | None
    status: Stage
    error_code: str | None
    error_detail: str | None
    bytes: int
    sha256: str
    pages: int | None
    chunks: int | None
    created_at: datetime
    updated_at: datetime


_SELECT: LiteralString = """
SELECT d.document_id, d.knowledge_base_id, d.name, v.version, d.ready_version, v.status, v.error_code,
       v.error_detail, v.bytes, encode(v.sha256, 'hex') AS sha256, v.pages, v.chunks, d.created_at, v.updated_at
FROM documents d
CROSS JOIN LATERAL (
    SELECT * FROM document_versions v
    WHERE v.tenant_id = d.tenant_id AND v.document_id = d.document_id ORDER BY version DESC LIMIT 1
) v
WHERE d.tenant_id = %(tenant_id)s AND d.knowledge_base_id = %(knowledge_base_id)s
"""


async def upload(
    connection: Connection, ctx: TenantContext, knowledge_base_id: UUID, uploads: Sequence[Upload]
) -> tuple[Document, ...]:
    """Stores bytes, rows and jobs in the caller's transaction.

    A file of the same name becomes a new version; the same bytes again change nothing, unless they failed.
    """
    await _lock_knowledge_base(connection, ctx, knowledge_base_id)
    # Documents by name, then blobs by digest: whoever else takes these locks takes them in the same order.
    ids = {name: await _lock_document(connection, ctx, knowledge_base_id, name) for name in sorted(_names(uploads))}
    await blobs.store(connection, ctx, {upload.sha256: upload.data for upload in uploads})
    for file in uploads:
        await _add_if_new(connection, ctx, ids[file.name], file)
    return tuple([await find(connection, ctx, knowledge_base_id, ids[file.name]) for file in uploads])


async def find(connection: Connection, ctx: TenantContext, knowledge_base_id: UUID, document_id: UUID) -> Document:
    rows = await connection.execute(
        _SELECT + "AND d.document_id = %(document_id)s",
        {"tenant_id": ctx.tenant_id, "knowledge_base_id": knowledge_base_id, "document_id": document_id},
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("document")
    return Document(**row)


async def get(database: Database, ctx: TenantContext, knowledge_base_id: UUID, document_id: UUID) -> Document:
    async with database.tenant_transaction(ctx) as connection:
        return await find(connection, ctx, knowledge_base_id, document_id)


async def list_page(
    database: Database, ctx: TenantContext, knowledge_base_id: UUID, *, cursor: Cursor, limit: int
) -> Page[Document]:
    async with database.tenant_transaction(ctx) as connection:
        await _lock_knowledge_base(connection, ctx, knowledge_base_id)
        rows = await connection.execute(
            _SELECT + "AND (d.created_at, d.document_id) < (%(created_at)s, %(row_id)s) "
            "ORDER BY d.created_at DESC, d.document_id DESC LIMIT %(limit)s",
            {"tenant_id": ctx.tenant_id, "knowledge_base_id": knowledge_base_id, **cursor.parameters(limit)},
        )
        found = [Document(**row) for row in await rows.fetchall()]
    return page(found, limit, position=lambda item: Cursor(item.created_at, item.document_id))


async def process_again(
    database: Database, ctx: TenantContext, knowledge_base_id: UUID, document_id: UUID
) -> Document:
    """The newest bytes once more, as a new version; the ready one is searched until that is ready."""
    async with database.tenant_transaction(ctx) as connection:
        await _lock(connection, ctx, [document_id])
        document = await find(connection, ctx, knowledge_base_id, document_id)
        await _add_version(
            connection, ctx, document_id, document.version + 1, bytes.fromhex(document.sha256), document.bytes
        )
        return await find(connection, ctx, knowledge_base_id, document_id)


async def delete(database: Database, ctx: TenantContext, knowledge_base_id: UUID, document_id: UUID) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await find(connection, ctx, knowledge_base_id, document_id)
        await _delete(connection, ctx, [document_id])


async def delete_knowledge_base(database: Database, ctx: TenantContext, knowledge_base_id: UUID) -> None:
    """With every document in it."""
    async with database.tenant_transaction(ctx) as connection:
        found = await connection.execute(
            "SELECT FROM knowledge_bases WHERE tenant_id = %s AND knowledge_base_id = %s FOR UPDATE",
            (ctx.tenant_id, knowledge_base_id),
        )
        if found.rowcount == 0:
            raise NotFound("knowledge base")
        rows = await connection.execute(
            "SELECT document_id FROM documents WHERE tenant_id = %s AND knowledge_base_id = %s",
            (ctx.tenant_id, knowledge_base_id),
        )
        await _delete(connection, ctx, [row["document_id"] for row in await rows.fetchall()])
        await connection.execute(
            "DELETE FROM knowledge_bases WHERE tenant_id = %s AND knowledge_base_id = %s",
            (ctx.tenant_id, knowledge_base_id),
        )


async def _lock_knowledge_base(connection: Connection, ctx: TenantContext, knowledge_base_id: UUID) -> None:
    """It exists, and nobody deletes it before this transaction ends."""
    found = await connection.execute(
        "SELECT FROM knowledge_bases WHERE tenant_id = %s AND knowledge_base_id = %s FOR KEY SHARE",
        (ctx.tenant_id, knowledge_base_id),
    )
    if found.rowcount == 0:
        raise NotFound("knowledge base")


async def _lock(connection: Connection, ctx: TenantContext, document_ids: list[UUID]) -> None:
    await connection.execute(
        "SELECT FROM documents WHERE tenant_id = %s AND document_id = ANY(%s) ORDER BY name FOR UPDATE",
        (ctx.tenant_id, document_ids),
    )


async def _lock_document(connection: Connection, ctx: TenantContext, knowledge_base_id: UUID, name: str) -> UUID:
    """The document of that name, made if there is none."""
    rows = await connection.execute(
        "INSERT INTO documents (tenant_id, document_id, knowledge_base_id, name) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (tenant_id, knowledge_base_id, name) DO UPDATE SET name = excluded.name RETURNING document_id",
        (ctx.tenant_id, uuid4(), knowledge_base_id, name),
    )
    row = await rows.fetchone()
    assert row is not None, "RETURNING returns a row"
    document_id: UUID = row["document_id"]
    return document_id


async def _add_if_new(connection: Connection, ctx: TenantContext, document_id: UUID, file: Upload) -> None:
    rows = await connection.execute(
        "SELECT version, sha256, status FROM document_versions "
        "WHERE tenant_id = %s AND document_id = %s ORDER BY version DESC LIMIT 1",
        (ctx.tenant_id, document_id),
    )
    newest = await rows.fetchone()
    if newest is None or newest["sha256"] != file.sha256 or newest["status"] == "failed":
        version = newest["version"] + 1 if newest else 1
        await _add_version(connection, ctx, document_id, version, file.sha256, len(file.data))


async def _add_version(
    connection: Connection, ctx: TenantContext, document_id: UUID, version: int, sha256: bytes, size: int
) -> None:
    await connection.execute(
        "INSERT INTO document_versions (tenant_id, document_id, version, sha256, bytes, created_by) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (ctx.tenant_id, document_id, version, sha256, size, ctx.user_id),
    )
    await jobs.enqueue(connection, ctx, document_id, version)


async def _delete(connection: Connection, ctx: TenantContext, document_ids: list[UUID]) -> None:
    # Documents first, then the chunk statistics, like the worker: neither waits for the other in a circle.
    await _lock(connection, ctx, document_ids)
    for document_id in document_ids:
        await chunks.delete(connection, ctx, document_id=document_id)
    rows = await connection.execute(
        "DELETE FROM document_versions WHERE tenant_id = %s AND document_id = ANY(%s) RETURNING sha256",
        (ctx.tenant_id, document_ids),
    )
    sha256s = [row["sha256"] for row in await rows.fetchall()]
    await connection.execute(
        "DELETE FROM documents WHERE tenant_id = %s AND document_id = ANY(%s)", (ctx.tenant_id, document_ids)
    )
    await blobs.delete_unused(connection, ctx, sha256s)


def _names(uploads: Sequence[Upload]) -> set[str]:
    return {upload.name for upload in uploads}

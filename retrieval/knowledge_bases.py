"""Knowledge bases: named sets of documents that a tenant searches together."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID, uuid4

from psycopg.errors import UniqueViolation

from core.db import Connection, Database
from core.errors import Conflict, NotFound
from core.paging import Cursor, Page, page
from core.tenancy import TenantContext


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """`documents` counts those of any status."""

    knowledge_base_id: UUID
    name: str
    description: str
    documents: int
    created_at: datetime
    updated_at: datetime


_SELECT: LiteralString = """
SELECT knowledge_base_id, name, description, created_at, updated_at,
       (SELECT count(*) FROM documents d
        WHERE d.tenant_id = k.tenant_id AND d.knowledge_base_id = k.knowledge_base_id) AS documents
FROM knowledge_bases k
WHERE tenant_id = %(tenant_id)s
"""


async def create(database: Database, ctx: TenantContext, *, name: str, description: str) -> KnowledgeBase:
    knowledge_base_id = uuid4()
    with _unique_name(name):
        async with database.tenant_transaction(ctx) as connection:
            await connection.execute(
                "INSERT INTO knowledge_bases (tenant_id, knowledge_base_id, name, description) "
                "VALUES (%s, %s, %s, %s)",
                (ctx.tenant_id, knowledge_base_id, name, description),
            )
            return await _get(connection, ctx, knowledge_base_id)


async def get(database: Database, ctx: TenantContext, knowledge_base_id: UUID) -> KnowledgeBase:
    async with database.tenant_transaction(ctx) as connection:
        return await _get(connection, ctx, knowledge_base_id)


async def list_page(database: Database, ctx: TenantContext, *, cursor: Cursor, limit: int) -> Page[KnowledgeBase]:
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            _SELECT + "AND (created_at, knowledge_base_id) < (%(created_at)s, %(row_id)s) "
            "ORDER BY created_at DESC, knowledge_base_id DESC LIMIT %(limit)s",
            {"tenant_id": ctx.tenant_id, **cursor.parameters(limit)},
        )
        found = [KnowledgeBase(**row) for row in await rows.fetchall()]
    return page(found, limit, position=lambda item: Cursor(item.created_at, item.knowledge_base_id))


async def update(
    database: Database,
    ctx: TenantContext,
    knowledge_base_id: UUID,
    *,
    name: str | None,
    description: str | None,
    check: Callable[[KnowledgeBase], None],
) -> KnowledgeBase:
    """What is None stays as it is. `check` sees it as it is now and raises when it must not be changed."""
    with _unique_name(name):
        async with database.tenant_transaction(ctx) as connection:
            await connection.execute(
                "SELECT FROM knowledge_bases WHERE tenant_id = %s AND knowledge_base_id = %s FOR UPDATE",
                (ctx.tenant_id, knowledge_base_id),
            )
            check(await _get(connection, ctx, knowledge_base_id))
            await connection.execute(
                "UPDATE knowledge_bases SET name = coalesce(%s, name), description = coalesce(%s, description), "
                "updated_at = now() WHERE tenant_id = %s AND knowledge_base_id = %s",
                (name, description, ctx.tenant_id, knowledge_base_id),
            )
            return await _get(connection, ctx, knowledge_base_id)


async def require_all(database: Database, ctx: TenantContext, knowledge_base_ids: Sequence[UUID] | None) -> None:
    """Raises `NotFound` unless the caller may see every one of them."""
    if not knowledge_base_ids:
        return
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            "SELECT knowledge_base_id FROM knowledge_bases WHERE tenant_id = %s AND knowledge_base_id = ANY(%s)",
            (ctx.tenant_id, list(knowledge_base_ids)),
        )
        if len(await rows.fetchall()) < len(set(knowledge_base_ids)):
            raise NotFound("knowledge base")


async def _get(connection: Connection, ctx: TenantContext, knowledge_base_id: UUID) -> KnowledgeBase:
    rows = await connection.execute(
        _SELECT + "AND knowledge_base_id = %(knowledge_base_id)s",
        {"tenant_id": ctx.tenant_id, "knowledge_base_id": knowledge_base_id},
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("knowledge base")
    return KnowledgeBase(**row)


@contextmanager
def _unique_name(name: str | None) -> Iterator[None]:
    try:
        yield
    except UniqueViolation as exc:
        raise Conflict(f"A knowledge base named {name!r} exists; choose another name.", code="name_taken") from exc

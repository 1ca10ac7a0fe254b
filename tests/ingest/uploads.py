"""Documents on their way in, without HTTP."""

from typing import Any

from core.db import Database
from core.tenancy import TenantContext
from ingest import documents
from ingest.documents import Document, Upload
from tests.factories import add_knowledge_base


async def upload(database: Database, ctx: TenantContext, *uploads: Upload) -> tuple[Document, ...]:
    """Into a knowledge base of their own."""
    knowledge_base_id = await add_knowledge_base(database, ctx)
    async with database.tenant_transaction(ctx) as connection:
        return await documents.upload(connection, ctx, knowledge_base_id, uploads)


async def upload_again(database: Database, ctx: TenantContext, document: Document, data: bytes) -> Document:
    """As a new version."""
    async with database.tenant_transaction(ctx) as connection:
        uploads = [Upload.of(document.name, data)]
        return (await documents.upload(connection, ctx, document.knowledge_base_id, uploads))[0]


async def now(database: Database, ctx: TenantContext, document: Document) -> Document:
    return await documents.get(database, ctx, document.knowledge_base_id, document.document_id)


async def indexed(database: Database, ctx: TenantContext) -> list[dict[str, Any]]:
    """Every chunk that is searched, and the statistics behind the scores."""
    async with database.tenant_transaction(ctx) as connection:
        chunks = await connection.execute(
            "SELECT d.name, c.version, ordinal, page_start, page_end, char_start, char_end, headings, text, "
            "embedding::text, terms::text FROM chunks c JOIN documents d USING (tenant_id, document_id) "
            "WHERE c.tenant_id = %s ORDER BY name, ordinal",
            (ctx.tenant_id,),
        )
        terms = await connection.execute(
            "SELECT term, chunks FROM chunk_terms WHERE tenant_id = %s ORDER BY term", (ctx.tenant_id,)
        )
        return [*await chunks.fetchall(), *await terms.fetchall()]

"""A ready document, written without a worker."""

import hashlib
from uuid import UUID, uuid4

from core.db import Database
from core.tenancy import TenantContext
from retrieval import chunks
from retrieval.chunks import NewChunk
from retrieval.embeddings import EmbeddingModel
from tests.factories import add_knowledge_base


async def add_document(
    database: Database, ctx: TenantContext, embeddings: EmbeddingModel, name: str, *texts: str
) -> UUID:
    """One chunk for each of `texts`, in a knowledge base of its own."""
    knowledge_base_id, document_id = await add_knowledge_base(database, ctx, name), uuid4()
    sha256 = hashlib.sha256(name.encode()).digest()
    found = [NewChunk(number, text, (), None, None, 0, len(text)) for number, text in enumerate(texts)]
    vectors = await embeddings.aembed_documents(list(texts))
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO blobs (tenant_id, sha256, data) VALUES (%s, %s, '')", (ctx.tenant_id, sha256)
        )
        await connection.execute(
            "INSERT INTO documents (tenant_id, document_id, knowledge_base_id, name, ready_version) "
            "VALUES (%s, %s, %s, %s, 1)",
            (ctx.tenant_id, document_id, knowledge_base_id, name),
        )
        await connection.execute(
            "INSERT INTO document_versions (tenant_id, document_id, version, sha256, bytes, status, created_by) "
            "VALUES (%s, %s, 1, %s, 0, 'ready', %s)",
            (ctx.tenant_id, document_id, sha256, ctx.user_id),
        )
        await chunks.replace(
            connection,
            ctx,
            knowledge_base_id=knowledge_base_id,
            document_id=document_id,
            version=1,
            chunks=found,
            embeddings=vectors,
        )
    return knowledge_base_id

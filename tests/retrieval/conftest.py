"""Documents of a few sentences, one chunk each, embedded by the real local model."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID, uuid4

import pytest

from core.db import Database
from core.tenancy import TenantContext
from retrieval import chunks
from retrieval.chunks import NewChunk
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.retriever import Retriever
from tests.factories import add_knowledge_base

Write = Callable[..., Awaitable[UUID]]


@pytest.fixture(scope="session")
def embeddings() -> LocalEmbeddings:
    return LocalEmbeddings()


@pytest.fixture
def retriever(database: Database, embeddings: LocalEmbeddings) -> Retriever:
    return Retriever(database, embeddings)


@pytest.fixture
async def handbook(database: Database, acme: TenantContext) -> UUID:
    return await add_knowledge_base(database, acme)


@pytest.fixture
def write(database: Database, embeddings: LocalEmbeddings) -> Write:
    """`await write(ctx, knowledge_base_id, texts, document_id=…, version=…)` gives the document's id."""

    async def write(
        ctx: TenantContext,
        knowledge_base_id: UUID,
        texts: Sequence[str],
        *,
        document_id: UUID | None = None,
        version: int = 1,
    ) -> UUID:
        document_id = document_id or uuid4()
        new = [NewChunk(i, text, ("Handbook",), 1, 2, 10, 10 + len(text)) for i, text in enumerate(texts)]
        async with database.tenant_transaction(ctx) as connection:
            await connection.execute(
                "INSERT INTO documents (tenant_id, document_id, knowledge_base_id, name) "
                "VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (ctx.tenant_id, document_id, knowledge_base_id, f"{document_id}.md"),
            )
            await chunks.replace(
                connection,
                ctx,
                knowledge_base_id=knowledge_base_id,
                document_id=document_id,
                version=version,
                chunks=new,
                embeddings=embeddings.embed([chunk.indexed_text for chunk in new]),
            )
        return document_id

    return write

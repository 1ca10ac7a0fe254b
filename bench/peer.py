"""The baseline: langchain-postgres' `PGVectorStore`, in the configuration that serves it best."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_postgres import Column, PGEngine, PGVectorStore
from langchain_postgres.v2.indexes import HNSWQueryOptions
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from bench.brute_force import Key
from bench.corpus import DIMENSIONS, Query, Texts
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext

# The columns of our `Hit` that are in the chunks' table.
_COLUMNS = ["knowledge_base_id", "version", "ordinal", "headings", "page_start", "page_end", "char_start", "char_end"]
_OWN_TABLE = "pgvectorstore_chunks"
# As the retriever's own: with pgvector's default of 40 the peer is faster, and misses one hit in twenty.
EF_SEARCH = 300


class ChunksByPeer:
    """Dense search of one tenant's rows of our own `chunks` table: same data, same partitions, same indexes."""

    def __init__(self, store: PGVectorStore, ctx: TenantContext, slot: int) -> None:
        self._store = store
        self._filter = {"$and": [{"tenant_id": ctx.tenant_id}, {"slot": slot}]}

    async def search(self, query: Query, limit: int) -> list[Key]:
        found = await self._store.asimilarity_search_with_score_by_vector(
            query.embedding, k=limit, filter=self._filter
        )
        return [(UUID(document.id), document.metadata["ordinal"]) for document, _ in found]


@asynccontextmanager
async def chunks_by_peer(servers: EmbeddedServers, ctx: TenantContext, slot: int) -> AsyncIterator[ChunksByPeer]:
    """The tenant is set once for the connection, where we set it with every search: an advantage for the peer."""
    settings = {"app.tenant_id": str(ctx.tenant_id), "hnsw.iterative_scan": "relaxed_order"}
    async with _engine(servers, "atrium_app", settings) as engine:
        store = await PGVectorStore.create(
            engine,
            DeterministicFakeEmbedding(size=DIMENSIONS),
            "chunks",
            id_column="document_id",
            content_column="text",
            metadata_columns=_COLUMNS,
            # One more round trip for the option: only where there is an index that it tunes.
            index_query_options=HNSWQueryOptions(ef_search=EF_SEARCH) if slot else None,
        )
        yield ChunksByPeer(store, ctx, slot)


@asynccontextmanager
async def table_of_peer(servers: EmbeddedServers) -> AsyncIterator[PGVectorStore]:
    """A table that the peer made, as its owner: no policies to check, no vector index to keep up."""
    async with _engine(servers, "postgres", {}) as engine:
        await engine.ainit_vectorstore_table(
            _OWN_TABLE, DIMENSIONS, metadata_columns=[Column("tenant_id", "uuid"), Column("ordinal", "integer")]
        )
        yield await PGVectorStore.create(
            engine,
            DeterministicFakeEmbedding(size=DIMENSIONS),
            _OWN_TABLE,
            metadata_columns=["tenant_id", "ordinal"],
        )


async def add(store: PGVectorStore, ctx: TenantContext, texts: Texts) -> None:
    await store.aadd_embeddings(
        [chunk.indexed_text for chunk in texts.chunks],
        texts.embeddings.tolist(),
        [{"tenant_id": ctx.tenant_id, "ordinal": chunk.ordinal} for chunk in texts.chunks],
    )


@asynccontextmanager
async def _engine(servers: EmbeddedServers, role: str, settings: dict[str, str]) -> AsyncIterator[PGEngine]:
    url = URL.create(
        "postgresql+asyncpg", username=role, database=servers.database, query={"host": servers.socket_directory}
    )
    pool = create_async_engine(url, pool_size=1, connect_args={"server_settings": settings})
    try:
        yield PGEngine.from_engine(pool)
    finally:
        await pool.dispose()

"""Hybrid search over a tenant's chunks: meaning by embeddings, words by BM25, one score from both."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pgvector.psycopg import HalfVector, SparseVector
from psycopg.rows import DictRow

from core.db import Connection, Database
from core.tenancy import TenantContext
from retrieval import lexical
from retrieval.embeddings import EmbeddingModel
from retrieval.search_sql import OWN_SLOT, SHARED_SLOT

MAX_LIMIT = 100
MAX_QUERY_CHARACTERS = 2_000
"""What a query has beyond it is not looked at."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found.

    start, end: characters in the document's text; text is what lies between them.
    page_start, page_end: 1-based, inclusive, None where the format has no pages.
    dense_score: cosine (-1 to 1). lexical_score: BM25 (0 or more).
    score: the mean of both, each as a share of its highest among the chunks searched (so 1 is best at both).
    """

    document_id: UUID
    document_name: str
    knowledge_base_id: UUID
    version: int
    ordinal: int
    text: str
    headings: tuple[str, ...]
    page_start: int | None
    page_end: int | None
    start: int
    end: int
    score: float
    dense_score: float
    lexical_score: float


class Retriever:
    def __init__(self, database: Database, embeddings: EmbeddingModel) -> None:
        self.database = database
        self.embeddings = embeddings

    async def search(
        self, ctx: TenantContext, query: str, *, knowledge_base_ids: Sequence[UUID] | None, limit: int = 8
    ) -> tuple[Hit, ...]:
        """The best `limit` chunks of these knowledge bases, or (None) of all; nothing for a blank query.

        Another tenant's knowledge base, or one that does not exist, holds nothing.
        """
        query = query[:MAX_QUERY_CHARACTERS]
        if not query.strip() or (knowledge_base_ids is not None and not knowledge_base_ids):
            return ()
        embedding = await self.embeddings.aembed_query(query)
        return await self.search_by_vector(ctx, embedding, query, knowledge_base_ids=knowledge_base_ids, limit=limit)

    async def search_by_vector(
        self,
        ctx: TenantContext,
        embedding: Sequence[float],
        query: str,
        *,
        knowledge_base_ids: Sequence[UUID] | None,
        limit: int = 8,
    ) -> tuple[Hit, ...]:
        """The same for a query that is embedded already; with a blank `query` by meaning alone."""
        terms = await asyncio.to_thread(lexical.query_terms, query[:MAX_QUERY_CHARACTERS])
        async with self.database.tenant_transaction(ctx, snapshot=True) as connection:
            opening = await _open(connection, ctx, terms)
            cursor = connection.cursor(binary=True)
            weights = lexical.query_weights(opening.occurrences, opening.chunks)
            await cursor.execute(
                OWN_SLOT if opening.slot else SHARED_SLOT,
                {
                    "tenant_id": ctx.tenant_id,
                    "slot": opening.slot,
                    "knowledge_base_ids": None if knowledge_base_ids is None else list(knowledge_base_ids),
                    "embedding": HalfVector(embedding),
                    "terms": SparseVector(weights, lexical.DIMENSIONS),
                    "term_ids": list(weights),
                    "term_weights": list(weights.values()),
                    "limit": min(limit, MAX_LIMIT),
                },
            )
            return tuple([_hit(row) async for row in cursor])


def _hit(row: DictRow) -> Hit:
    return Hit(**{**row, "headings": tuple(row["headings"])})


@dataclass(frozen=True, slots=True)
class _Opening:
    """Where the tenant's chunks are, how many, and in how many each of the query's terms occurs."""

    slot: int
    chunks: int
    occurrences: dict[int, int]


async def _open(connection: Connection, ctx: TenantContext, terms: frozenset[int]) -> _Opening:
    rows = await connection.execute(
        # The settings are for a slot of one's own: an index scan, also before anyone has analysed it,
        # that goes on until it has found enough.
        "SELECT chunk_slot, "
        "(SELECT chunks FROM chunk_statistics WHERE tenant_id = %(tenant_id)s) AS chunks, "
        "ARRAY(SELECT ARRAY[term, chunks] FROM chunk_terms "
        "WHERE tenant_id = %(tenant_id)s AND term = ANY(%(terms)s) ORDER BY term) AS occurrences, "
        "set_config('hnsw.ef_search', '300', true), "
        "set_config('hnsw.iterative_scan', 'relaxed_order', true), "
        "set_config('enable_sort', CASE WHEN chunk_slot = 0 THEN 'on' ELSE 'off' END, true) "
        "FROM tenants WHERE tenant_id = %(tenant_id)s",
        {"tenant_id": ctx.tenant_id, "terms": sorted(terms)},
    )
    row = await rows.fetchone()
    if row is None:
        return _Opening(0, 0, {})
    return _Opening(row["chunk_slot"], row["chunks"] or 0, dict(row["occurrences"]))

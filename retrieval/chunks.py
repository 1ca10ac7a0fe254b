"""Chunks in Postgres: written and deleted by whole documents, inside the caller's transaction."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector.psycopg import HalfVector, SparseVector

from core.db import Connection, Database
from core.errors import OperatorError
from core.tenancy import TenantContext
from retrieval import lexical

_TYPES = ("int4", "int4", "int4", "int4", "int4", "halfvec", "sparsevec", "text[]", "text")


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A piece of a document's text, before it is stored.

    ordinal: 0-based position in the document. headings: from the outermost section to its own.
    page_start, page_end: 1-based, inclusive. start, end: characters in the document's text.
    """

    ordinal: int
    text: str
    headings: tuple[str, ...]
    page_start: int | None
    page_end: int | None
    start: int
    end: int

    @property
    def indexed_text(self) -> str:
        """What embeddings and terms are made of: the headings that the text lacks, then the text."""
        lines = set(self.text.split("\n"))
        return "\n".join([*(heading for heading in self.headings if heading not in lines), self.text])


async def replace(
    connection: Connection,
    ctx: TenantContext,
    *,
    knowledge_base_id: UUID,
    document_id: UUID,
    version: int,
    chunks: Sequence[NewChunk],
    embeddings: Sequence[Sequence[float]] | NDArray[np.float32],
) -> None:
    """Makes `chunks` all that is stored of the document; `embeddings` holds one vector for each.

    Call it in a `tenant_transaction`, which commits it together with the document's new version.
    """
    terms = await asyncio.to_thread(lambda: [lexical.chunk_weights(chunk.indexed_text) for chunk in chunks])
    slot = await lock(connection, ctx)
    removed = await _remove(connection, ctx, slot, document_id)
    await _copy(connection, chunks, np.asarray(embeddings, np.float32), terms)
    await connection.execute(
        "INSERT INTO chunks (tenant_id, slot, document_id, version, ordinal, knowledge_base_id, page_start, "
        "page_end, char_start, char_end, embedding, terms, headings, text) "
        "SELECT %s, %s, %s, %s, ordinal, %s, page_start, page_end, char_start, char_end, embedding, terms, "
        "headings, text FROM incoming_chunks ORDER BY ordinal",
        (ctx.tenant_id, slot, document_id, version, knowledge_base_id),
    )
    await connection.execute("DROP TABLE incoming_chunks")
    if slot:
        await add_postings(connection, ctx, slot, document_id)
    added = Counter(term for weights in terms for term in weights)
    await _count(connection, ctx, added, removed.terms, len(chunks) - removed.chunks)


async def delete(connection: Connection, ctx: TenantContext, *, document_id: UUID) -> None:
    """Call it in a `tenant_transaction`, before the document's row is deleted."""
    slot = await lock(connection, ctx)
    removed = await _remove(connection, ctx, slot, document_id)
    await _count(connection, ctx, Counter(), removed.terms, -removed.chunks)


async def lock(connection: Connection, ctx: TenantContext) -> int:
    """The tenant's slot, which stays the same, and its statistics to oneself, until the transaction ends."""
    await connection.execute(
        "INSERT INTO chunk_statistics (tenant_id, chunks) VALUES (%s, 0) "
        "ON CONFLICT (tenant_id) DO UPDATE SET chunks = chunk_statistics.chunks",
        (ctx.tenant_id,),
    )
    rows = await connection.execute("SELECT chunk_slot FROM tenants WHERE tenant_id = %s", (ctx.tenant_id,))
    row = await rows.fetchone()
    assert row is not None
    return int(row["chunk_slot"])


async def add_postings(
    connection: Connection, ctx: TenantContext, slot: int, document_id: UUID | None = None
) -> None:
    """Inverts the terms of one document, or of all, in a slot of the tenant's own."""
    await connection.execute(
        "INSERT INTO chunk_postings (tenant_id, term, weight, document_id, version, ordinal, knowledge_base_id) "
        "SELECT c.tenant_id, t.term, t.weight, c.document_id, c.version, c.ordinal, c.knowledge_base_id "
        "FROM chunks c CROSS JOIN LATERAL term_weights(c.terms) t "
        "WHERE c.tenant_id = %(tenant_id)s AND c.slot = %(slot)s "
        "AND (%(document_id)s::uuid IS NULL OR c.document_id = %(document_id)s)",
        {"tenant_id": ctx.tenant_id, "slot": slot, "document_id": document_id},
    )


async def check_dimensions(database: Database, dimensions: int) -> None:
    """Raises `OperatorError` when the stored vectors have another length than the model's."""
    async with database.untenanted_connection() as connection:
        rows = await connection.execute(
            "SELECT atttypmod AS dimensions FROM pg_attribute "
            "WHERE attrelid = to_regclass('chunks') AND attname = 'embedding'"
        )
        row = await rows.fetchone()
    if row is None:
        raise OperatorError("The database has no tables yet; run `python -m migrations upgrade` first.")
    if row["dimensions"] != dimensions:
        raise OperatorError(
            f"The database holds embeddings of {row['dimensions']} dimensions, the model makes {dimensions}: "
            "set ATRIUM_EMBEDDING_DIMENSIONS and ATRIUM_EMBEDDING_MODEL as they were when it was migrated."
        )


@dataclass(frozen=True, slots=True)
class _Removed:
    """How many chunks went, and in how many of them each term was."""

    chunks: int
    terms: Counter[int]


async def _remove(connection: Connection, ctx: TenantContext, slot: int, document_id: UUID) -> _Removed:
    keys = {"tenant_id": ctx.tenant_id, "slot": slot, "document_id": document_id}
    if slot:
        await connection.execute(
            "DELETE FROM chunk_postings p USING chunks c CROSS JOIN LATERAL term_weights(c.terms) t "
            "WHERE c.tenant_id = %(tenant_id)s AND c.slot = %(slot)s AND c.document_id = %(document_id)s "
            "AND p.tenant_id = %(tenant_id)s AND p.term = t.term AND p.weight = t.weight "
            "AND p.document_id = c.document_id AND p.version = c.version AND p.ordinal = c.ordinal",
            keys,
        )
    cursor = connection.cursor(binary=True)
    await cursor.execute(
        "DELETE FROM chunks WHERE tenant_id = %(tenant_id)s AND slot = %(slot)s "
        "AND document_id = %(document_id)s RETURNING terms",
        keys,
    )
    rows = await cursor.fetchall()
    return _Removed(len(rows), Counter(term for row in rows for term in row["terms"].indices()))


async def _copy(
    connection: Connection,
    chunks: Iterable[NewChunk],
    embeddings: NDArray[np.float32],
    terms: Iterable[dict[int, float]],
) -> None:
    """Into a temporary table: Postgres refuses COPY straight into one with row-level security."""
    await connection.execute(
        "CREATE TEMP TABLE incoming_chunks ON COMMIT DROP AS SELECT ordinal, page_start, page_end, "
        "char_start, char_end, embedding, terms, headings, text FROM chunks WITH NO DATA"
    )
    cursor = connection.cursor()
    async with cursor.copy("COPY incoming_chunks FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(_TYPES)
        for chunk, embedding, weights in zip(chunks, embeddings, terms, strict=True):
            await copy.write_row(
                (
                    chunk.ordinal,
                    chunk.page_start,
                    chunk.page_end,
                    chunk.start,
                    chunk.end,
                    HalfVector(embedding),
                    SparseVector(weights, lexical.DIMENSIONS),
                    list(chunk.headings),
                    chunk.text,
                )
            )


async def _count(
    connection: Connection, ctx: TenantContext, added: Counter[int], removed: Counter[int], chunks: int
) -> None:
    changes = {term: added[term] - removed[term] for term in added.keys() | removed.keys()}
    changes = {term: change for term, change in changes.items() if change}
    await connection.execute(
        "UPDATE chunk_statistics SET chunks = chunks + %s WHERE tenant_id = %s", (chunks, ctx.tenant_id)
    )
    await connection.execute(
        "INSERT INTO chunk_terms (tenant_id, term, chunks) "
        "SELECT %s, term, change FROM unnest(%s::int[], %s::int[]) AS changed (term, change) "
        "ON CONFLICT (tenant_id, term) DO UPDATE SET chunks = chunk_terms.chunks + EXCLUDED.chunks",
        (ctx.tenant_id, list(changes), list(changes.values())),
    )
    await connection.execute(
        "DELETE FROM chunk_terms WHERE tenant_id = %s AND term = ANY(%s) AND chunks = 0",
        (ctx.tenant_id, [term for term, change in changes.items() if change < 0]),
    )

"""From stored bytes to searchable chunks: load, chunk, embed, and flip to the new version in one transaction."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from core.cache import Cache
from core.db import Database
from core.tenancy import TenantContext
from ingest import blobs, progress
from ingest.blocks import DocumentRejected
from ingest.chunking import ChunkedDocument, chunk
from ingest.parsing import ParseLimits, parse
from retrieval import chunks
from retrieval.chunks import NewChunk
from retrieval.embeddings import EmbeddingModel
from retrieval.promotion import promote_if_outgrown

EMBEDDING_BATCH = 32


@dataclass(frozen=True, slots=True)
class Pipeline:
    database: Database
    cache: Cache
    embeddings: EmbeddingModel
    limits: ParseLimits

    async def process(self, ctx: TenantContext, document_id: UUID, version: int) -> None:
        """Ends with the version ready or failed. Safe to repeat, also while another worker still runs it.

        Raises whatever may pass by itself, such as a database or an embedding endpoint that is away.
        """
        started = await self._start(ctx, document_id, version)
        if started is None:
            return
        try:
            parsed = await self._load(ctx, document_id, started)
        except DocumentRejected as rejected:
            await fail(self.database, ctx, document_id, version, rejected.code, rejected.detail)
        else:
            vectors = await self._embed(ctx, document_id, version, parsed.chunked.chunks)
            await self._write(ctx, document_id, version, started, parsed, vectors)
            await promote_if_outgrown(self.database, ctx)
        await progress.wake(self.cache, ctx, document_id)

    async def _start(self, ctx: TenantContext, document_id: UUID, version: int) -> "_Started | None":
        """None when there is nothing left to do: deleted meanwhile, or ended by an earlier attempt."""
        async with self.database.tenant_transaction(ctx) as connection:
            rows = await connection.execute(
                "UPDATE document_versions v SET status = 'loading', updated_at = now() FROM documents d "
                "WHERE v.tenant_id = %s AND v.document_id = %s AND v.version = %s "
                "AND v.status IN ('queued', 'loading', 'embedding') "
                "AND d.tenant_id = v.tenant_id AND d.document_id = v.document_id "
                "RETURNING d.knowledge_base_id, d.name, v.sha256",
                (ctx.tenant_id, document_id, version),
            )
            row = await rows.fetchone()
            if row is None:
                return None
            data = await blobs.load(connection, ctx, row["sha256"])
        return _Started(row["knowledge_base_id"], row["name"], data)

    async def _load(self, ctx: TenantContext, document_id: UUID, started: "_Started") -> "_Parsed":
        async def report(done: int, total: int | None) -> None:
            await progress.report(self.cache, ctx, document_id, "loading", done, total)

        document = await parse(started.data, started.name, self.limits, report)
        return _Parsed(await asyncio.to_thread(chunk, document), document.pages)

    async def _embed(
        self, ctx: TenantContext, document_id: UUID, version: int, found: tuple[NewChunk, ...]
    ) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """One row of `embeddings.dimensions` floats per chunk."""
        async with self.database.tenant_transaction(ctx) as connection:
            await connection.execute(
                "UPDATE document_versions SET status = 'embedding', updated_at = now() "
                "WHERE tenant_id = %s AND document_id = %s AND version = %s AND status = 'loading'",
                (ctx.tenant_id, document_id, version),
            )
        vectors = np.empty((len(found), self.embeddings.dimensions), dtype=np.float32)
        for start in range(0, len(found), EMBEDDING_BATCH):
            await progress.report(self.cache, ctx, document_id, "embedding", start, len(found))
            batch = [item.indexed_text for item in found[start : start + EMBEDDING_BATCH]]
            vectors[start : start + len(batch)] = await self.embeddings.aembed_documents(batch)
        return vectors

    async def _write(
        self,
        ctx: TenantContext,
        document_id: UUID,
        version: int,
        started: "_Started",
        parsed: "_Parsed",
        vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    ) -> None:
        """All or nothing: a half-indexed document is never searched, a second finisher changes nothing."""
        async with self.database.tenant_transaction(ctx) as connection:
            rows = await connection.execute(
                "SELECT v.status, coalesce(d.ready_version, 0) AS ready_version "
                "FROM documents d JOIN document_versions v USING (tenant_id, document_id) "
                "WHERE d.tenant_id = %s AND d.document_id = %s AND v.version = %s FOR UPDATE",
                (ctx.tenant_id, document_id, version),
            )
            row = await rows.fetchone()
            if row is None or row["status"] == "ready":
                return
            if row["ready_version"] < version:
                # Vectors go into an index one by one: a large document takes longer than a request may.
                await connection.execute(
                    "SELECT set_config('statement_timeout', '15min', true), "
                    "set_config('idle_in_transaction_session_timeout', '60s', true)"
                )
                await chunks.replace(
                    connection,
                    ctx,
                    knowledge_base_id=started.knowledge_base_id,
                    document_id=document_id,
                    version=version,
                    chunks=parsed.chunked.chunks,
                    embeddings=vectors,
                )
                await connection.execute(
                    "UPDATE documents SET ready_version = %s WHERE tenant_id = %s AND document_id = %s",
                    (version, ctx.tenant_id, document_id),
                )
            await connection.execute(
                "UPDATE document_versions SET status = 'ready', pages = %s, chunks = %s, embedding_model = %s, "
                "error_code = NULL, error_detail = NULL, updated_at = now() "
                "WHERE tenant_id = %s AND document_id = %s AND version = %s",
                (
                    parsed.pages,
                    len(parsed.chunked.chunks),
                    self.embeddings.model_name,
                    ctx.tenant_id,
                    document_id,
                    version,
                ),
            )


async def fail(
    database: Database, ctx: TenantContext, document_id: UUID, version: int, code: str, detail: str
) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "UPDATE document_versions SET status = 'failed', error_code = %s, error_detail = %s, updated_at = now() "
            "WHERE tenant_id = %s AND document_id = %s AND version = %s AND status <> 'ready'",
            (code, detail, ctx.tenant_id, document_id, version),
        )


@dataclass(frozen=True, slots=True)
class _Started:
    knowledge_base_id: UUID
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Parsed:
    chunked: ChunkedDocument
    pages: int | None

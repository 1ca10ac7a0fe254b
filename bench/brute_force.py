"""What a search should have found: every stored chunk of a tenant scored in numpy, no index, no SQL arithmetic."""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from bench.corpus import Query
from core.db import Database
from core.tenancy import TenantContext
from retrieval import lexical

Key = tuple[UUID, int]

# Two scores closer than float32 arithmetic can tell apart: either chunk is right.
TIE = 1e-5


@dataclass(frozen=True, slots=True)
class StoredChunks:
    """`terms` and `weights` are flat and sorted by term; `rows` says which chunk each belongs to."""

    keys: list[Key]
    embeddings: NDArray[np.float32]
    terms: NDArray[np.int64]
    weights: NDArray[np.float32]
    rows: NDArray[np.int64]

    def scores(self, query: Query, *, hybrid: bool) -> dict[Key, float]:
        """As `retrieval.retriever.Hit.score` defines it; without `hybrid` the cosine alone."""
        scores = self.embeddings @ np.asarray(query.embedding, np.float32)
        if hybrid:
            scores = 0.5 * _share(scores) + 0.5 * _share(self._bm25(query.text))
        return dict(zip(self.keys, scores.tolist(), strict=True))

    def _bm25(self, text: str) -> NDArray[np.float32]:
        slices = {}
        for term in lexical.query_terms(text):
            first, last = np.searchsorted(self.terms, [term, term + 1])
            if last > first:
                slices[term] = slice(first, last)
        occurrences = {term: found.stop - found.start for term, found in slices.items()}
        scores = np.zeros(len(self.keys), np.float32)
        for term, rarity in lexical.query_weights(occurrences, len(self.keys)).items():
            found = slices[term]
            scores[self.rows[found]] += np.float32(rarity) * self.weights[found]
        return scores


def recall(found: list[Key], scores: dict[Key, float], limit: int) -> float:
    """The share of the best `limit` that was found."""
    wanted = min(limit, len(scores))
    threshold = sorted(scores.values(), reverse=True)[wanted - 1] - TIE
    return sum(scores[key] >= threshold for key in found) / wanted


async def load(database: Database, ctx: TenantContext) -> StoredChunks:
    async with database.tenant_transaction(ctx, snapshot=True) as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(
            "SELECT document_id, ordinal, embedding, terms FROM chunks WHERE tenant_id = %s", (ctx.tenant_id,)
        )
        found = await cursor.fetchall()
    embeddings = np.array([row["embedding"].to_numpy() for row in found], np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    terms = np.concatenate([row["terms"].indices() for row in found]).astype(np.int64)
    weights = np.concatenate([row["terms"].values() for row in found]).astype(np.float32)
    rows = np.repeat(np.arange(len(found)), [len(row["terms"].indices()) for row in found])
    order = np.argsort(terms, kind="stable")
    keys = [(row["document_id"], row["ordinal"]) for row in found]
    return StoredChunks(keys, embeddings, terms[order], weights[order], rows[order])


def _share(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    best = max(float(scores.max()), 0.0)
    return scores / np.float32(best) if best else np.zeros_like(scores)

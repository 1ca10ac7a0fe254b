"""Storing 2,000 chunks whose vectors are given: our `chunks.replace` beside `PGVectorStore.aadd_embeddings`."""

import asyncio
import time
from collections.abc import Awaitable

import numpy as np

from bench import peer
from bench.corpus import Corpus
from bench.report import Measurement
from bench.stores import add_home, open_database, store_document
from core.embedded import EmbeddedServers

CHUNKS = 2_000


def run(servers: EmbeddedServers, *, quick: bool) -> list[Measurement]:
    size, rounds = (CHUNKS // 10, 3) if quick else (CHUNKS, 3)
    ours, theirs = asyncio.run(_run(servers, size, rounds))
    return [
        Measurement(
            f"indexing {size:,} chunks",
            float(np.median(ours)),
            "chunks/s",
            rounds,
            at_least=True,
            peer=float(np.median(theirs)),
            note="ours with BM25 terms and policies, the peer with neither and a commit per chunk, both without HNSW",
        )
    ]


async def _run(servers: EmbeddedServers, size: int, rounds: int) -> tuple[list[float], list[float]]:
    """Chunks per second in each round, in turns; the first round only warms up."""
    corpus, ours, theirs = Corpus(seed=11), [], []
    async with open_database(servers) as database, peer.table_of_peer(servers) as store:
        home = await add_home(database)
        for _ in range(rounds + 1):
            texts = corpus.document(size)
            ours.append(size / await _seconds(store_document(database, home, texts)))
            theirs.append(size / await _seconds(peer.add(store, home.ctx, texts)))
    return ours[1:], theirs[1:]


async def _seconds(work: Awaitable[None]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started

"""The local embedding model: one query at a time as a search asks it, and documents as the worker does."""

import asyncio
import time
from itertools import cycle, islice

import numpy as np

from bench import prose
from bench.report import Measurement, percentile
from retrieval.local_embeddings import LocalEmbeddings

QUERIES, DOCUMENTS = 300, 64


def run(_: None, *, quick: bool) -> list[Measurement]:
    rounds = 1 if quick else 5
    model = LocalEmbeddings()
    queries = list(islice(cycle(prose.sentences()), QUERIES))
    documents = list(islice(cycle(prose.paragraphs()), DOCUMENTS))
    characters = round(np.mean([len(text) for text in documents]))
    asyncio.run(_queries(model, queries[:20]))
    latencies, rates = [], []
    for _round in range(rounds):
        latencies.append(asyncio.run(_queries(model, queries)))
        started = time.perf_counter()
        model.embed_documents(documents)
        rates.append(DOCUMENTS / (time.perf_counter() - started))
    return [
        Measurement("query embedding p50", percentile(latencies, 50), "ms", rounds),
        Measurement("query embedding p95", percentile(latencies, 95), "ms", rounds, 20),
        Measurement(
            "document embedding",
            float(np.median(rates)),
            "texts/s",
            rounds,
            at_least=True,
            note=f"one thread, handbook paragraphs of {characters} characters on average",
        ),
    ]


async def _queries(model: LocalEmbeddings, queries: list[str]) -> list[float]:
    """Milliseconds for each."""
    taken = []
    for query in queries:
        started = time.perf_counter()
        await model.aembed_query(query)
        taken.append((time.perf_counter() - started) * 1000)
    return taken

"""Search in a full house: 1,000 small tenants and three large ones, ours beside `PGVectorStore`'s."""

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import psycopg

from bench import brute_force
from bench.brute_force import Key
from bench.corpus import Corpus, Query
from bench.peer import EF_SEARCH, ChunksByPeer, chunks_by_peer
from bench.report import Measurement, percentile
from bench.stores import Home, add_home, open_database, store_document
from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.promotion import promote_if_outgrown
from retrieval.retriever import Retriever

LIMIT = 10
RECALL_TARGET = 0.98
LOADERS = 3
DOCUMENT_SIZE = 2_000


@dataclass(frozen=True, slots=True)
class Size:
    """Tenants of one size. judged: how many are compared with brute force; timed: how many of those on the clock."""

    chunks: int
    tenants: int
    judged: int
    timed: int
    queries: int
    promoted: bool
    target_ms: float


@dataclass(frozen=True, slots=True)
class Scale:
    sizes: tuple[Size, ...]
    rounds: int


FULL = Scale(
    (
        Size(200, 1_000, judged=1_000, timed=20, queries=5, promoted=False, target_ms=10),
        Size(10_000, 1, judged=1, timed=1, queries=100, promoted=False, target_ms=50),
        Size(50_000, 3, judged=3, timed=3, queries=50, promoted=True, target_ms=25),
    ),
    rounds=5,
)
QUICK = Scale(
    (
        Size(200, 20, judged=20, timed=10, queries=5, promoted=False, target_ms=10),
        Size(4_000, 1, judged=1, timed=1, queries=30, promoted=True, target_ms=25),
    ),
    rounds=3,
)


@dataclass(frozen=True, slots=True)
class Populated:
    ctx: TenantContext
    queries: list[Query]


@dataclass(slots=True)
class Judgement:
    """Recall of each query, and how many answers were short."""

    recalls: list[float] = field(default_factory=list)
    short: int = 0

    def add(self, found: list[Key], scores: dict[Key, float]) -> None:
        self.recalls.append(brute_force.recall(found, scores, LIMIT))
        self.short += len(found) < min(LIMIT, len(scores))

    @property
    def recall(self) -> float:
        return sum(self.recalls) / len(self.recalls)


def run(servers: EmbeddedServers, *, quick: bool) -> list[Measurement]:
    return asyncio.run(_run(servers, QUICK if quick else FULL))


async def _run(servers: EmbeddedServers, scale: Scale) -> list[Measurement]:
    measurements = []
    async with open_database(servers) as database:
        populated = await _populate(database, servers, scale)
        retriever = Retriever(database, LocalEmbeddings())
        for size in scale.sizes:
            measurements += await _measure(servers, retriever, size, populated[size], scale.rounds)
    return measurements


async def _populate(database: Database, servers: EmbeddedServers, scale: Scale) -> dict[Size, list[Populated]]:
    corpus, loaders = Corpus(seed=7), asyncio.Semaphore(LOADERS)
    started = time.perf_counter()
    # The large ones first: they are promoted while the small ones are stored.
    largest_first = sorted(scale.sizes, key=lambda size: -size.chunks)
    tenants = {
        size: [asyncio.create_task(_tenant(database, corpus, size, loaders)) for _ in range(size.tenants)]
        for size in largest_first
    }
    populated = {size: await asyncio.gather(*tenants[size]) for size in scale.sizes}
    # What autovacuum does within a minute.
    with psycopg.connect(servers.database_url("postgres"), autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")
    print(f"search: stored after {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return populated


async def _tenant(database: Database, corpus: Corpus, size: Size, loaders: asyncio.Semaphore) -> Populated:
    queries: list[Query] = []
    async with loaders:
        home = await add_home(database)
        for start in range(0, size.chunks, DOCUMENT_SIZE):
            queries += await _document(database, corpus, home, min(DOCUMENT_SIZE, size.chunks - start), size)
    if size.promoted:
        await promote_if_outgrown(database, home.ctx, threshold=1)
    return Populated(home.ctx, random.Random(size.chunks).sample(queries, size.queries))


async def _document(database: Database, corpus: Corpus, home: Home, chunk_count: int, size: Size) -> list[Query]:
    texts = corpus.document(chunk_count)
    await store_document(database, home, texts)
    return corpus.queries(texts, size.queries)


async def _measure(
    servers: EmbeddedServers, retriever: Retriever, size: Size, populated: list[Populated], rounds: int
) -> list[Measurement]:
    async with AsyncExitStack() as stack:
        contenders = []
        for item in populated[: size.timed]:
            slot = await _slot(retriever.database, item.ctx)
            peer = await stack.enter_async_context(chunks_by_peer(servers, item.ctx, slot))
            contenders.append(_Contenders(retriever, item, peer))
        ours, theirs = await _judge(retriever, populated[: size.judged], contenders)
        times = await _time(contenders, rounds)
    name = f"search, {size.chunks:,} chunks"
    judged = (
        f"{len(ours.recalls)} questions to {size.judged} of {size.tenants} tenants, against brute force; "
        f"ours as hybrid search, the peer ({len(theirs.recalls)} questions) as the dense search that it is"
    )
    return [
        Measurement(f"{name}: hybrid p50", percentile(times["hybrid"], 50), "ms", rounds),
        Measurement(f"{name}: hybrid p95", percentile(times["hybrid"], 95), "ms", rounds, size.target_ms),
        *(
            Measurement(
                f"{name}: dense only p{percent}",
                percentile(times["dense"], percent),
                "ms",
                rounds,
                peer=percentile(times["peer"], percent),
                note=f"peer: PGVectorStore, dense, same table, policies and ef_search ({EF_SEARCH})",
            )
            for percent in (50, 95)
        ),
        Measurement(
            f"{name}: recall@{LIMIT}",
            ours.recall,
            "",
            1,
            RECALL_TARGET,
            at_least=True,
            peer=theirs.recall,
            note=judged,
        ),
        Measurement(f"{name}: short answers", ours.short, "", 1, 0),
        Measurement(f"{name}: worst recall@{LIMIT} of a question", min(ours.recalls), "", 1),
    ]


@dataclass(frozen=True, slots=True)
class _Contenders:
    """One tenant, asked three ways."""

    retriever: Retriever
    populated: Populated
    peer: ChunksByPeer

    async def hybrid(self, query: Query) -> list[Key]:
        return await _search(self.retriever, self.populated.ctx, query, query.text)

    async def dense(self, query: Query) -> list[Key]:
        return await _search(self.retriever, self.populated.ctx, query, "")

    async def by_peer(self, query: Query) -> list[Key]:
        return await self.peer.search(query, LIMIT)


async def _judge(
    retriever: Retriever, populated: list[Populated], contenders: list[_Contenders]
) -> tuple[Judgement, Judgement]:
    """Ours judged as hybrid search, the peer as the dense search that it is."""
    ours, theirs = Judgement(), Judgement()
    for number, item in enumerate(populated):
        stored = await brute_force.load(retriever.database, item.ctx)
        for query in item.queries:
            found = await _search(retriever, item.ctx, query, query.text)
            ours.add(found, stored.scores(query, hybrid=True))
            if number < len(contenders):
                theirs.add(await contenders[number].by_peer(query), stored.scores(query, hybrid=False))
    return ours, theirs


async def _time(contenders: list[_Contenders], rounds: int) -> dict[str, list[list[float]]]:
    """Milliseconds per round and way; the ways take turns question by question. One round to warm up."""
    times: dict[str, list[list[float]]] = {"hybrid": [], "dense": [], "peer": []}
    for number in range(rounds + 1):
        taken: dict[str, list[float]] = {way: [] for way in times}
        for each in contenders:
            for query in each.populated.queries:
                taken["hybrid"].append(await _milliseconds(each.hybrid, query))
                taken["dense"].append(await _milliseconds(each.dense, query))
                taken["peer"].append(await _milliseconds(each.by_peer, query))
        if number:
            for way in times:
                times[way].append(taken[way])
    return times


async def _milliseconds(search: Callable[[Query], Awaitable[list[Key]]], query: Query) -> float:
    started = time.perf_counter()
    await search(query)
    return (time.perf_counter() - started) * 1000


async def _search(retriever: Retriever, ctx: TenantContext, query: Query, text: str) -> list[Key]:
    hits = await retriever.search_by_vector(ctx, query.embedding, text, knowledge_base_ids=None, limit=LIMIT)
    return [(hit.document_id, hit.ordinal) for hit in hits]


async def _slot(database: Database, ctx: TenantContext) -> int:
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute("SELECT chunk_slot FROM tenants WHERE tenant_id = %s", (ctx.tenant_id,))
        row = await rows.fetchone()
    assert row is not None
    return int(row["chunk_slot"])

"""Checkpoints, ours under row-level security beside LangGraph's own saver as a superuser, in the same Postgres."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

import psycopg
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.pregel import Pregel
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from typing_extensions import TypedDict

from bench.corpus import Corpus
from bench.report import Measurement, percentile
from bench.stores import add_home
from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from graphs.checkpoints.checkpointer import TenantSaver

CHARACTERS = 600
RATIO_TARGET = 2.5
BYTES_TARGET = 0.1
PEER_SCHEMA = "langgraph"
OURS = ("public.checkpoints", "public.checkpoint_values", "public.checkpoint_writes")
PEERS = tuple(f"{PEER_SCHEMA}.{table}" for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"))

Saver = BaseCheckpointSaver[Any]
NewSaver = Callable[[], Saver]


@dataclass(frozen=True, slots=True)
class Scale:
    """messages: what a thread holds before it begins anew."""

    threads: int
    pool_size: int
    seconds: float
    rounds: int
    messages: int
    turns: int


FULL = Scale(threads=64, pool_size=10, seconds=5, rounds=5, messages=20, turns=300)
QUICK = Scale(threads=64, pool_size=10, seconds=1.5, rounds=2, messages=20, turns=60)


class Conversation(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]
    question: str


class Prose:
    """Texts of `CHARACTERS` characters that compress as prose does."""

    def __init__(self) -> None:
        self._chance = random.Random(7)
        self._words = [word for chunk in Corpus(seed=7).document(200).chunks for word in chunk.text.split()]

    def __call__(self) -> str:
        return " ".join(self._chance.choices(self._words, k=CHARACTERS // 4))[:CHARACTERS]


def run(servers: EmbeddedServers, *, quick: bool) -> list[Measurement]:
    return asyncio.run(_run(servers, QUICK if quick else FULL))


async def _run(servers: EmbeddedServers, scale: Scale) -> list[Measurement]:
    prose = Prose()
    async with _savers(servers, scale.pool_size) as (ours, peers):
        speeds = await _operations(ours, peers, prose, scale)
        with psycopg.connect(servers.database_url("postgres"), autocommit=True) as owner:
            owner.execute(f"TRUNCATE {', '.join(OURS + PEERS)}".encode())
            config = await _talk(ours, prose, scale.turns)
            read = [await _read(ours, config) for _ in range(30)]
            theirs = await _talk(peers, prose, scale.turns)
            read_by_peer = [await _read(peers, theirs) for _ in range(30)]
            sizes = [_megabytes(owner, tables) for tables in (OURS, PEERS)]
    return [*_speed(speeds, scale), *_size(sizes, read, read_by_peer, scale)]


def _speed(speeds: list[tuple[float, float]], scale: Scale) -> list[Measurement]:
    ours, peers = (percentile([[each[side] for each in speeds]], 50) for side in (0, 1))
    note = (
        f"put, put_writes and get_tuple in turn; both with {scale.pool_size} connections, the peer without policies"
    )
    return [
        Measurement(
            f"checkpoints, {scale.threads} threads at once: operations",
            ours,
            "per s",
            scale.rounds,
            RATIO_TARGET * peers,
            at_least=True,
            peer=peers,
            note=note,
        )
    ]


def _size(sizes: list[float], read: list[float], read_by_peer: list[float], scale: Scale) -> list[Measurement]:
    ours, peers = sizes
    name = f"checkpoints, thread of {scale.turns} turns"
    note = f"two messages of {CHARACTERS} characters a turn, a graph of two nodes; with indexes and TOAST"
    return [
        Measurement(f"{name}: stored", ours, "MB", 1, BYTES_TARGET * peers, peer=peers, note=note),
        Measurement(f"{name}: get_tuple p50", percentile([read], 50), "ms", 1, peer=percentile([read_by_peer], 50)),
    ]


@asynccontextmanager
async def _savers(servers: EmbeddedServers, pool_size: int) -> AsyncIterator[tuple[NewSaver, NewSaver]]:
    """Ours as each run makes one; the peer's as its users share one, in a schema of its own."""
    async with (
        Database(
            servers.database_url("atrium_app"), servers.database_url("atrium_auth"), pool_size=pool_size
        ) as ours,
        AsyncConnectionPool(
            servers.database_url("postgres"),
            min_size=2,
            max_size=pool_size,
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs={
                "autocommit": True,
                "prepare_threshold": 0,
                "row_factory": dict_row,
                "options": f"-c search_path={PEER_SCHEMA}",
            },
        ) as pool,
    ):
        async with pool.connection() as connection:
            await connection.execute(f"CREATE SCHEMA {PEER_SCHEMA}".encode())
        peer = AsyncPostgresSaver(pool)
        await peer.setup()
        ctx = (await add_home(ours)).ctx
        yield lambda: _ours(ours, ctx), lambda: peer


def _ours(database: Database, ctx: TenantContext) -> Saver:
    return TenantSaver(database, ctx)


async def _operations(ours: NewSaver, peers: NewSaver, prose: Prose, scale: Scale) -> list[tuple[float, float]]:
    """Operations per second of each, round by round; one round to warm up."""
    speeds = [
        (await _speed_of(ours, prose, scale), await _speed_of(peers, prose, scale)) for _ in range(scale.rounds + 1)
    ]
    return speeds[1:]


async def _speed_of(saver: NewSaver, prose: Prose, scale: Scale) -> float:
    started = time.perf_counter()
    until = started + scale.seconds
    counts = await asyncio.gather(*(_work(saver(), prose, scale.messages, until) for _ in range(scale.threads)))
    return sum(counts) / (time.perf_counter() - started)


async def _work(saver: Saver, prose: Prose, most: int, until: float) -> int:
    """What a graph asks of its saver, step by step on one thread; how many operations that were."""
    latest: RunnableConfig = {"configurable": {"thread_id": str(uuid4()), "checkpoint_ns": ""}}
    thread, messages, version, operations = latest, list[AnyMessage](), None, 0
    while time.perf_counter() < until:
        version = saver.get_next_version(version, None)
        messages = [*(messages if len(messages) < most else ()), HumanMessage(prose(), id=str(uuid4()))]
        versions = {"messages": version, "branch:to:model": version}
        latest = await saver.aput(
            latest, _checkpoint(messages, versions), {"source": "loop", "step": operations}, versions
        )
        await saver.aput_writes(latest, [("messages", messages[-1:]), ("branch:to:model", None)], str(uuid4()))
        if (found := await saver.aget_tuple(thread)) is None or found.checkpoint["channel_values"][
            "messages"
        ] != messages:
            raise RuntimeError("a checkpoint did not come back as it was put")
        operations += 3
    return operations


def _checkpoint(messages: list[AnyMessage], versions: dict[str, Any]) -> Checkpoint:
    return {
        "v": 4,
        "id": str(uuid6()),
        "ts": "2026-11-20T12:00:00+00:00",
        "channel_values": {"messages": messages, "branch:to:model": None},
        "channel_versions": versions,
        "versions_seen": {"model": {"branch:to:model": versions["branch:to:model"]}},
        "updated_channels": ["messages"],
    }


async def _talk(saver: NewSaver, prose: Prose, turns: int) -> RunnableConfig:
    """A thread of so many turns, each a run of its own."""

    async def contextualize(state: Conversation) -> dict[str, Any]:
        return {"question": state["messages"][-1].content}

    async def answer(state: Conversation) -> dict[str, Any]:
        return {"messages": [AIMessage(prose())]}

    graph = StateGraph(Conversation)
    graph.add_node(contextualize)
    graph.add_node(answer)
    graph.add_edge(START, "contextualize")
    graph.add_edge("contextualize", "answer")
    graph.add_edge("answer", END)
    compiled: Pregel[Any, Any, Any, Any] = graph.compile()
    thread_id = str(uuid4())
    for _ in range(turns):
        run_id = str(uuid4())
        config: RunnableConfig = {"configurable": {"thread_id": thread_id}, "metadata": {"run_id": run_id}}
        turn = compiled.copy({"checkpointer": saver()})
        await turn.ainvoke({"messages": [HumanMessage(prose())]}, config, durability="async")
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}


async def _read(saver: NewSaver, config: RunnableConfig) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    await saver().aget_tuple(config)
    return (time.perf_counter() - started) * 1000


def _megabytes(owner: psycopg.Connection, tables: tuple[str, ...]) -> float:
    owner.execute("VACUUM ANALYZE")
    sizes = [owner.execute("SELECT pg_total_relation_size(%s::regclass)", (table,)).fetchone() for table in tables]
    return float(sum(size for (size,) in filter(None, sizes)) / 1e6)

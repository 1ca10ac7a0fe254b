"""A thread's state, read and changed through the graph that ran on it last."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from langgraph_sdk.runtime import AccessContext

from agents import wire
from agents.engine import Engine
from agents.execution.config import input_of
from agents.ownership import REACHED, reach
from agents.runs import runs
from agents.runs.request import RunRequest
from agents.state import state
from agents.state.state import ThreadState
from agents.threads import threads
from core.errors import ClientError, Conflict, NotFound
from core.tenancy import TenantContext
from graphs import fence as fences
from graphs.catalog.factories import AnyGraph
from graphs.checkpoints.checkpointer import TenantSaver
from graphs.fence import Fence, Fenced
from graphs.store import TenantStore

Checkpoint = Mapping[str, Any]


async def read(
    engine: Engine,
    ctx: TenantContext,
    thread_id: UUID,
    checkpoint: Checkpoint | None = None,
    *,
    subgraphs: bool = False,
) -> ThreadState:
    """The newest state, or that at `checkpoint`; an empty one before the first run. Raises `NotFound`."""
    graph_id = await _graph_id(engine, ctx, thread_id)
    if graph_id is None:
        return state.nothing()
    async with _opened(engine, ctx, thread_id, graph_id, "threads.read") as graph:
        return await state.thread_state(graph, thread_id, checkpoint, subgraphs=subgraphs)


async def history(
    engine: Engine,
    ctx: TenantContext,
    thread_id: UUID,
    *,
    limit: int,
    before: str | Checkpoint | None = None,
    metadata: Mapping[str, Any] | None = None,
    checkpoint: Checkpoint | None = None,
) -> list[ThreadState]:
    """The newest first. Raises `NotFound`."""
    graph_id = await _graph_id(engine, ctx, thread_id)
    if graph_id is None:
        return []
    async with _opened(engine, ctx, thread_id, graph_id, "threads.read") as graph:
        return await state.history(
            graph, thread_id, limit=limit, before=before, metadata=metadata, checkpoint=checkpoint
        )


async def update(
    engine: Engine,
    ctx: TenantContext,
    thread_id: UUID,
    values: Any,
    *,
    as_node: str | None = None,
    checkpoint: Checkpoint | None = None,
) -> dict[str, Any]:
    """Where the new checkpoint is. Raises `NotFound`, `Invalid`, and `Conflict` while a run waits or executes."""
    async with _changing(engine, ctx, thread_id) as graph:
        return await state.update(graph, thread_id, values, as_node=as_node, checkpoint=checkpoint)


async def replay(
    engine: Engine, ctx: TenantContext, thread_id: UUID, supersteps: Sequence[Sequence[Mapping[str, Any]]]
) -> None:
    """One superstep after the other; an update is {as_node, and values or command}. Raises as `update` does."""
    steps = [[(_values_of(step), step.get("as_node")) for step in superstep] for superstep in supersteps]
    async with _changing(engine, ctx, thread_id) as graph:
        await state.update_in_steps(graph, thread_id, steps)


@asynccontextmanager
async def _changing(engine: Engine, ctx: TenantContext, thread_id: UUID) -> AsyncIterator[AnyGraph]:
    """No run may begin meanwhile: one that does takes the fence, and nothing more is written here."""
    graph_id = await _graph_id(engine, ctx, thread_id)
    if graph_id is None:
        raise ClientError(
            "No graph has run on this thread yet; run one, or name it as `graph_id` in the thread's metadata.",
            code="no_graph",
        )
    try:
        async with engine.database.tenant_transaction(ctx) as connection:
            fence = await threads.reserve(connection, ctx, thread_id)
        async with _opened(engine, ctx, thread_id, graph_id, "threads.update", fence) as graph:
            yield graph
            await _keep_newest(engine, ctx, graph, fence)
    except Fenced as exc:
        raise Conflict("A run began on the thread meanwhile; wait for it or cancel it.", code="thread_busy") from exc


async def _keep_newest(engine: Engine, ctx: TenantContext, graph: AnyGraph, fence: Fence) -> None:
    newest = await state.thread_state(graph, fence.thread_id)
    interrupts = {task["id"]: task["interrupts"] for task in newest["tasks"] if task["interrupts"]}
    async with engine.database.tenant_transaction(ctx) as connection:
        # The thread before its head, as everybody locks them.
        await threads.lock(connection, ctx, fence.thread_id, by_role=True)
        await fences.hold(connection, ctx, fence)
        await connection.execute(
            "UPDATE threads SET values = %s::jsonb, interrupts = %s::jsonb, error = NULL, state_updated_at = now() "
            "WHERE tenant_id = %s AND thread_id = %s",
            (wire.dumps(newest["values"]), wire.dumps(interrupts), ctx.tenant_id, fence.thread_id),
        )
        await runs.settle_thread(connection, ctx, fence.thread_id)


async def _graph_id(engine: Engine, ctx: TenantContext, thread_id: UUID) -> str | None:
    """Of the graph that ran last; None when none has. Raises `NotFound`, also for a graph no longer served."""
    async with engine.database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            f"SELECT metadata ->> 'graph_id' AS graph_id FROM threads WHERE {REACHED} AND thread_id = %(thread_id)s",
            {**reach(ctx, by_role=True), "thread_id": thread_id},
        )
        row = await rows.fetchone()
    if row is None:
        raise NotFound("thread")
    return None if row["graph_id"] is None else engine.catalog.require(row["graph_id"])


@asynccontextmanager
async def _opened(
    engine: Engine,
    ctx: TenantContext,
    thread_id: UUID,
    graph_id: str,
    access: AccessContext,
    fence: Fence | None = None,
) -> AsyncIterator[AnyGraph]:
    async with engine.catalog.open(
        graph_id,
        config=state.config_of(thread_id),
        access=access,
        store=TenantStore(engine.database, ctx, engine.embeddings),
        checkpointer=TenantSaver(engine.database, ctx, fence=fence),
    ) as graph:
        yield graph


def _values_of(step: Mapping[str, Any]) -> Any:
    command = step.get("command")
    return step.get("values") if command is None else input_of(RunRequest(command=command))

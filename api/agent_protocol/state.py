"""`/threads/{id}/state` and `/history`: what a thread remembers, at any of its checkpoints."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from agents.state import access as state_access
from agents.untrusted import storable
from api.agent_protocol.body import JsonRoute, WireJson
from api.agent_protocol.thread_bodies import (
    ThreadState,
    ThreadStateCheckpointRequest,
    ThreadStateSearch,
    ThreadStateUpdate,
    ThreadStateUpdateResponse,
    pointers,
)
from api.dependencies import Allow, Rooms
from core.tenancy import TenantContext
from tenants.permissions import Permission

router = APIRouter(prefix="/threads/{thread_id}", tags=["Threads"], route_class=JsonRoute)

Reader = Annotated[TenantContext, Depends(Allow(Permission.THREADS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.THREADS_WRITE))]
Subgraphs = Annotated[bool, Query(description="Adds the states of subgraphs that wait, in their tasks.")]
HistoryLimit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/state", response_model=ThreadState, summary="Get a thread's newest state")
async def newest(rooms: Rooms, ctx: Reader, thread_id: UUID, subgraphs: Subgraphs = False) -> Response:
    return WireJson(await state_access.read(rooms.engine, ctx, thread_id, subgraphs=subgraphs))


@router.get("/state/{checkpoint_id}", response_model=ThreadState, summary="Get a thread's state at a checkpoint")
async def at_checkpoint_id(
    rooms: Rooms, ctx: Reader, thread_id: UUID, checkpoint_id: UUID, subgraphs: Subgraphs = False
) -> Response:
    place = {"checkpoint_id": str(checkpoint_id)}
    return WireJson(await state_access.read(rooms.engine, ctx, thread_id, place, subgraphs=subgraphs))


@router.post("/state/checkpoint", response_model=ThreadState, summary="Get a thread's state at a checkpoint, by POST")
async def at_checkpoint(rooms: Rooms, ctx: Reader, thread_id: UUID, body: ThreadStateCheckpointRequest) -> Response:
    place = pointers(body.checkpoint)
    return WireJson(await state_access.read(rooms.engine, ctx, thread_id, place, subgraphs=body.subgraphs))


@router.post("/state", response_model=ThreadStateUpdateResponse, summary="Change a thread's state")
async def update(rooms: Rooms, ctx: Writer, thread_id: UUID, body: ThreadStateUpdate) -> Response:
    """As if `as_node` had returned `values`. 409 while a run waits or executes."""
    changed = await state_access.update(
        rooms.engine, ctx, thread_id, body.values, as_node=body.as_node, checkpoint=body.place()
    )
    return WireJson(changed)


@router.get("/history", response_model=list[ThreadState], summary="List a thread's states, the newest first")
async def history(
    rooms: Rooms,
    ctx: Reader,
    thread_id: UUID,
    limit: HistoryLimit = 10,
    before: Annotated[str | None, Query(max_length=200, description="The id of a checkpoint.")] = None,
) -> Response:
    storable(before, "before")
    return WireJson(await state_access.history(rooms.engine, ctx, thread_id, limit=limit, before=before))


@router.post("/history", response_model=list[ThreadState], summary="Search a thread's states, the newest first")
async def search_history(rooms: Rooms, ctx: Reader, thread_id: UUID, body: ThreadStateSearch) -> Response:
    """Those of a subgraph when `checkpoint` names its namespace."""
    before = body.before if isinstance(body.before, str) else pointers(body.before) or None
    found = await state_access.history(
        rooms.engine,
        ctx,
        thread_id,
        limit=body.limit,
        before=before,
        metadata=body.metadata,
        checkpoint=pointers(body.checkpoint) or None,
    )
    return WireJson(found)

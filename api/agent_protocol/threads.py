"""`/threads`: what runs one after the other share, as LangGraph's clients ask for it."""

from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response

from agents.state import access as state_access
from agents.threads import search as thread_search
from agents.threads import storage as thread_storage
from agents.threads import threads
from agents.threads.search import FIELDS
from agents.threads.threads import Thread
from agents.untrusted import clean_metadata, storable
from api.agent_protocol import thread_bodies
from api.agent_protocol.body import JsonRoute, WireJson
from api.agent_protocol.paging import say_where
from api.agent_protocol.thread_bodies import (
    Superstep,
    ThreadCountRequest,
    ThreadCreate,
    ThreadPatch,
    ThreadPruneRequest,
    ThreadPruneResponse,
    ThreadSearchRequest,
    ThreadStorage,
)
from api.dependencies import Allow, Rooms, Services
from core.errors import ClientError, Conflict, NotFound
from core.tenancy import TenantContext
from tenants.permissions import Permission

router = APIRouter(prefix="/threads", tags=["Threads"], route_class=JsonRoute)

Reader = Annotated[TenantContext, Depends(Allow(Permission.THREADS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.THREADS_WRITE))]


@router.post("", response_model=thread_bodies.Thread, summary="Create a thread")
async def create(rooms: Rooms, ctx: Writer, body: ThreadCreate) -> Response:
    """With `supersteps` it begins with the state that these updates lead to."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        thread = await threads.create(
            connection,
            ctx,
            thread_id=body.thread_id,
            metadata=clean_metadata(body.metadata),
            if_exists=body.if_exists or "raise",
            ttl=body.ttl.wanted() if body.ttl else None,
        )
    if body.supersteps:
        thread = await _replayed(rooms, ctx, thread, body.supersteps, is_new=body.if_exists != "do_nothing")
    return WireJson(told(thread))


@router.post("/search", response_model=list[thread_bodies.Thread], summary="Search threads")
async def search(rooms: Rooms, ctx: Reader, body: ThreadSearchRequest) -> Response:
    """The latest change comes first unless `sort_by` says otherwise."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        found, more = await thread_search.search(
            connection,
            ctx,
            body.wanted(),
            limit=body.limit,
            offset=body.offset,
            sort_by=body.sort_by or "updated_at",
            ascending=body.sort_order == "asc",
            select=tuple(dict.fromkeys(body.select or FIELDS)),
            extract=body.extract,
        )
    response = WireJson(found)
    say_where(response, offset=body.offset, shown=len(found), more=more)
    return response


@router.post("/count", summary="Count threads")
async def count(rooms: Rooms, ctx: Reader, body: ThreadCountRequest) -> int:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await thread_search.count(connection, ctx, body.wanted())


@router.post("/prune", summary="Delete threads, or their older checkpoints")
async def prune(rooms: Rooms, ctx: Writer, body: ThreadPruneRequest) -> ThreadPruneResponse:
    """Leaves out what is not there; `keep_latest` also what a run is on."""
    pruned = 0
    for thread_id in dict.fromkeys(body.thread_ids):
        with suppress(NotFound, Conflict):
            async with rooms.database.tenant_transaction(ctx) as connection:
                await thread_storage.prune(connection, ctx, thread_id, body.strategy)
            pruned += 1
    return ThreadPruneResponse(pruned_count=pruned)


@router.get("/{thread_id}", response_model=thread_bodies.Thread, summary="Get a thread")
async def get(
    rooms: Rooms,
    ctx: Reader,
    thread_id: UUID,
    include: Annotated[str, Query(max_length=200, description="`ttl` adds when it expires.")] = "",
) -> Response:
    async with rooms.database.tenant_transaction(ctx) as connection:
        thread = await threads.get(connection, ctx, thread_id, by_role=True)
    return WireJson(told(thread, with_ttl="ttl" in include.split(",")))


@router.patch("/{thread_id}", response_model=thread_bodies.Thread, summary="Change a thread's metadata or expiry")
async def patch(
    rooms: Rooms, ctx: Writer, thread_id: UUID, body: ThreadPatch, prefer: Annotated[str, Header()] = ""
) -> Response:
    async with rooms.database.tenant_transaction(ctx) as connection:
        thread = await threads.patch(
            connection,
            ctx,
            thread_id,
            metadata=clean_metadata(body.metadata),
            ttl=body.ttl.wanted() if body.ttl else None,
        )
    return Response(status_code=204) if prefer == "return=minimal" else WireJson(told(thread))


@router.delete("/{thread_id}", status_code=204, summary="Delete a thread")
async def delete(rooms: Rooms, ctx: Writer, thread_id: UUID) -> None:
    """With its runs and its state; a run that executes ends."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        await threads.delete(connection, ctx, thread_id, by_role=True)


@router.post("/{thread_id}/copy", response_model=thread_bodies.Thread, summary="Copy a thread")
async def copy(rooms: Rooms, ctx: Writer, thread_id: UUID) -> Response:
    """A run that is under way stays behind, as do messages and events."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        return WireJson(told(await thread_storage.copy(connection, ctx, thread_id)))


@router.get("/{thread_id}/storage", response_model=ThreadStorage, summary="Get what a thread's checkpoints take")
async def storage(rooms: Rooms, ctx: Reader, thread_id: UUID) -> Response:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return WireJson(await thread_storage.storage(connection, ctx, thread_id))


def told(thread: Thread, *, with_ttl: bool = False) -> dict[str, Any]:
    """As the protocol tells a thread: its title and author are the product's."""
    shown: dict[str, Any] = {name: getattr(thread, name) for name in FIELDS}
    if with_ttl and thread.ttl is not None:
        shown["ttl"] = {**thread.ttl, "expires_at": thread.expires_at}
    return shown


async def _replayed(
    rooms: Services, ctx: TenantContext, thread: Thread, supersteps: list[Superstep], *, is_new: bool
) -> Thread:
    """A new thread whose state cannot be made does not stay."""
    steps = [[update.model_dump(exclude_unset=True) for update in step.updates] for step in supersteps]
    try:
        storable(steps, "supersteps")
        await state_access.replay(rooms.engine, ctx, thread.thread_id, steps)
    except ClientError:
        if is_new:
            async with rooms.database.tenant_transaction(ctx) as connection:
                await threads.delete(connection, ctx, thread.thread_id, by_role=True)
        raise
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await threads.get(connection, ctx, thread.thread_id, by_role=True)

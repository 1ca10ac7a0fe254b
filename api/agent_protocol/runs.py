"""Runs on a thread: in the background, waited for or streamed; joined, cancelled, listed."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BeforeValidator
from sse_starlette import EventSourceResponse

from agents import starting
from agents.runs import runs
from agents.runs.queue import Cancel
from agents.runs.runs import Status
from agents.threads import threads
from api.agent_protocol import run_streams
from api.agent_protocol.body import JsonRoute
from api.agent_protocol.paging import Limit, Offset
from api.agent_protocol.run_bodies import Mode, RunCreateStateful
from api.agent_protocol.run_starting import start_and_stream, start_and_wait, start_run
from api.agent_protocol.run_streams import Reader, Writer
from api.agent_protocol.run_views import Run
from api.dependencies import Rooms
from api.sse import EVENT_STREAM, LastEventId
from core.tenancy import TenantContext

router = APIRouter(prefix="/threads/{thread_id}", tags=["Thread Runs"], route_class=JsonRoute)

Kinds = Annotated[
    list[Literal["run_modes", "lifecycle", "state_update"]] | None,
    Query(description="One or more, also between commas."),
    BeforeValidator(lambda asked: asked and [kind.strip() for each in asked for kind in each.split(",")]),
]
Modes = Annotated[
    list[Mode] | None,
    Query(description="Only these of the modes that the run was asked for."),
    # `langgraph-sdk` sends an empty one for all.
    BeforeValidator(lambda asked: [mode for mode in asked or () if mode] or None),
]


@router.post("/runs", summary="Start a run in the background")
async def create(rooms: Rooms, ctx: Writer, thread_id: UUID, body: RunCreateStateful, response: Response) -> Run:
    run = (await start_run(rooms, ctx, thread_id, body)).run
    response.headers.update(run_streams.location(run, "join"))
    return Run.of(run)


@router.post(
    "/runs/stream",
    response_model=None,
    responses={200: EVENT_STREAM},
    summary="Start a run and stream it",
)
async def create_stream(
    rooms: Rooms, ctx: Writer, request: Request, thread_id: UUID, body: RunCreateStateful
) -> EventSourceResponse:
    return await start_and_stream(rooms, ctx, request, thread_id, body)


@router.post("/runs/wait", response_model=None, summary="Start a run and wait")
async def create_wait(rooms: Rooms, ctx: Writer, thread_id: UUID, body: RunCreateStateful) -> StreamingResponse:
    """The final values; a run that failed is answered with 200 and `__error__`."""
    return await start_and_wait(rooms, ctx, thread_id, body)


@router.get("/runs", response_model=list[Run], summary="List runs")
async def list_runs(
    rooms: Rooms,
    ctx: Reader,
    thread_id: UUID,
    limit: Annotated[Limit, Query()] = 10,
    offset: Annotated[Offset, Query()] = 0,
    status: Status | None = None,
    select: Annotated[list[str] | None, Query(max_length=20)] = None,
) -> JSONResponse:
    """The newest first; `select` names the fields that are wanted."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        await threads.require(connection, ctx, thread_id, by_role=True)
        found = await runs.list_of_thread(connection, ctx, thread_id, status=status, limit=limit, offset=offset)
    shown = [Run.of(run).model_dump(mode="json", by_alias=True) for run in found]
    return JSONResponse([{name: run[name] for name in run if select is None or name in select} for run in shown])


@router.get("/runs/{run_id}", summary="Get a run")
async def get(rooms: Rooms, ctx: Reader, thread_id: UUID, run_id: UUID) -> Run:
    return Run.of(await _find(rooms, ctx, thread_id, run_id))


@router.delete("/runs/{run_id}", summary="Delete a run that has ended")
async def delete(rooms: Rooms, ctx: Writer, thread_id: UUID, run_id: UUID) -> None:
    async with rooms.database.tenant_transaction(ctx) as connection:
        await threads.lock(connection, ctx, thread_id, by_role=True)
        await runs.delete(connection, ctx, await runs.get(connection, ctx, thread_id, run_id))


@router.get("/runs/{run_id}/join", response_model=None, summary="Wait for a run")
async def join(
    rooms: Rooms, ctx: Reader, thread_id: UUID, run_id: UUID, cancel_on_disconnect: bool = False
) -> StreamingResponse:
    run = await _find(rooms, ctx, thread_id, run_id)
    return run_streams.wait(rooms.engine, ctx, run, cancel_on_disconnect=cancel_on_disconnect)


@router.get(
    "/runs/{run_id}/stream",
    response_model=None,
    responses={200: EVENT_STREAM},
    summary="Follow a run, from where one was cut off",
)
async def join_stream(
    rooms: Rooms,
    ctx: Reader,
    request: Request,
    thread_id: UUID,
    run_id: UUID,
    stream_mode: Modes = None,
    cancel_on_disconnect: bool = False,
    last_event_id: LastEventId = None,
) -> EventSourceResponse:
    """All that is stored after `Last-Event-ID`, or from the beginning; ends with the run."""
    run = await _find(rooms, ctx, thread_id, run_id)
    return run_streams.stream(
        request,
        rooms.engine,
        ctx,
        run,
        since=max(0, int(last_event_id or 0)),
        modes=stream_mode,
        cancel_on_disconnect=cancel_on_disconnect,
    )


@router.post("/runs/{run_id}/cancel", summary="Cancel a run")
async def cancel(
    rooms: Rooms, ctx: Writer, thread_id: UUID, run_id: UUID, wait: bool = False, action: Cancel = "interrupt"
) -> None:
    """`rollback` also deletes the run and its checkpoints; with `wait` it has ended when this returns."""
    run = await _find(rooms, ctx, thread_id, run_id)
    await starting.cancel(rooms.engine, ctx, thread_id, [run_id], action, by_role=True)
    if wait:
        await run_streams.ended(rooms.engine, ctx, run)


@router.get(
    "/stream",
    response_model=None,
    responses={200: EVENT_STREAM},
    summary="Follow everything that runs on a thread",
)
async def join_thread(
    rooms: Rooms,
    ctx: Reader,
    request: Request,
    thread_id: UUID,
    stream_modes: Kinds = None,
    stream_mode: Annotated[Kinds, Query(description="What `langgraph-sdk` calls `stream_modes`.")] = None,
    last_event_id: LastEventId = None,
) -> EventSourceResponse:
    """After `Last-Event-ID`, or from now on; `-` or `0` means from the first event that is stored."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        await threads.require(connection, ctx, thread_id, by_role=True)
    since = await rooms.engine.log.head(ctx, thread_id) if last_event_id is None else max(0, int(last_event_id))
    return run_streams.thread_stream(
        request, rooms.engine, ctx, thread_id, since, stream_modes or stream_mode or ["run_modes"]
    )


async def _find(rooms: Rooms, ctx: TenantContext, thread_id: UUID, run_id: UUID) -> runs.Run:
    async with rooms.database.tenant_transaction(ctx) as connection:
        await threads.require(connection, ctx, thread_id, by_role=True)
        return await runs.get(connection, ctx, thread_id, run_id)

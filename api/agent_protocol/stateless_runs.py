"""Runs without a thread of the client's: each on one of its own, which goes when it has ended unless it is kept."""

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import StreamingResponse
from sse_starlette import EventSourceResponse

from agents import starting
from agents.runs import runs
from agents.runs.queue import Cancel
from api.agent_protocol import run_streams
from api.agent_protocol.body import JsonRoute
from api.agent_protocol.run_bodies import RunCreateStateless, RunsCancel
from api.agent_protocol.run_starting import start_and_stream, start_and_wait, start_batch, start_run
from api.agent_protocol.run_streams import Writer
from api.agent_protocol.run_views import Run
from api.dependencies import Rooms
from api.sse import EVENT_STREAM
from core.errors import Invalid, NotFound

router = APIRouter(prefix="/runs", tags=["Stateless Runs"], route_class=JsonRoute)

MAX_BATCH = 100


@router.post("/cancel", status_code=204, summary="Cancel many runs")
async def cancel_many(rooms: Rooms, ctx: Writer, body: RunsCancel, action: Cancel = "interrupt") -> None:
    if body.status is not None:
        async with rooms.database.tenant_transaction(ctx) as connection:
            found = await runs.unfinished(connection, ctx, body.status)
        if not found:
            raise NotFound("run")
    elif body.thread_id is not None and body.run_ids:
        found = {body.thread_id: body.run_ids}
    else:
        raise Invalid("Send `status`, or `thread_id` with `run_ids`.")
    for thread_id, run_ids in found.items():
        try:
            await starting.cancel(rooms.engine, ctx, thread_id, run_ids, action, by_role=True)
        except NotFound:
            # Of many, one may have gone since they were found.
            if body.status is None:
                raise


@router.post("", summary="Start a run without a thread, in the background")
async def create_stateless(rooms: Rooms, ctx: Writer, body: RunCreateStateless, response: Response) -> Run:
    run = (await start_run(rooms, ctx, None, body)).run
    response.headers.update(run_streams.location(run, "join"))
    return Run.of(run)


@router.post("/batch", summary="Start many runs without threads")
async def create_batch(
    rooms: Rooms, ctx: Writer, body: Annotated[list[RunCreateStateless], Body(max_length=MAX_BATCH)]
) -> list[Run]:
    """All of them, or none."""
    return [Run.of(run) for run in await start_batch(rooms, ctx, body)]


@router.post(
    "/stream",
    response_model=None,
    responses={200: EVENT_STREAM},
    summary="Start a run without a thread and stream it",
)
async def create_stateless_stream(
    rooms: Rooms, ctx: Writer, request: Request, body: RunCreateStateless
) -> EventSourceResponse:
    return await start_and_stream(rooms, ctx, request, None, body)


@router.post("/wait", response_model=None, summary="Start a run without a thread and wait")
async def create_stateless_wait(rooms: Rooms, ctx: Writer, body: RunCreateStateless) -> StreamingResponse:
    return await start_and_wait(rooms, ctx, None, body)

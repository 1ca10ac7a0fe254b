"""`/v1/threads/{id}/runs/{id}`: the events of an answer once more, from where a reader was cut off; and its end."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sse_starlette import EventSourceResponse

from agents import starting
from agents.chat import Asked
from agents.engine import Engine
from agents.events.log import END
from agents.runs import runs
from agents.threads import threads
from api.dependencies import Allow, Rooms
from api.sse import EVENT_STREAM, LastEventId, event_stream, frame
from core.tenancy import TenantContext
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/threads/{thread_id}/runs/{run_id}", tags=["chat"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.THREADS_READ))]
Asker = Annotated[TenantContext, Depends(Allow(Permission.CHAT))]


@router.get("/events", response_model=None, responses={200: EVENT_STREAM}, summary="Follow a run")
async def events(
    rooms: Rooms, ctx: Reader, request: Request, thread_id: UUID, run_id: UUID, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """All events after `Last-Event-ID`, or from the beginning; ends with the run."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        await threads.require(connection, ctx, thread_id)
        run = await runs.get(connection, ctx, thread_id, run_id)
    since = max(run.events_after, int(last_event_id or 0))
    return event_stream(request, run_frames(rooms.engine, ctx, Asked(run_id, thread_id, since)))


@router.post("/cancel", status_code=202, summary="Cancel a run")
async def cancel(rooms: Rooms, ctx: Asker, thread_id: UUID, run_id: UUID) -> None:
    """The question stays in the thread. A run that has ended stays as it is."""
    await starting.cancel(rooms.engine, ctx, thread_id, [run_id], "interrupt")


async def run_frames(engine: Engine, ctx: TenantContext, asked: Asked) -> AsyncIterator[bytes]:
    batches = engine.log.follow_run(
        ctx, asked.run_id, asked.thread_id, since=asked.events_after, opening=asked.opening
    )
    async with aclosing(batches):
        async for batch in batches:
            yield b"".join(frame(event.name, event.data, event.seq) for event in batch if event.name != END)

"""`/threads/{id}/stream/events`: what happens on a thread, by channel and namespace, as server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse

from agents.engine import Engine
from agents.protocol import events as protocol_events
from agents.protocol.events import Selection
from api.agent_protocol.body import JsonRoute
from api.agent_protocol.run_streams import Reader
from api.dependencies import Rooms
from api.sse import EVENT_STREAM, LastEventId, event_stream, frame
from core.tenancy import TenantContext

Segment = Annotated[str, Field(max_length=500)]
Namespace = Annotated[list[Segment], Field(max_length=50)]
Seq = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Channel = (
    Literal["values", "updates", "checkpoints", "messages", "tools", "custom", "lifecycle", "input", "tasks"]
    | Annotated[str, Field(pattern=r"^custom:.+$", max_length=200)]
)

router = APIRouter(prefix="/threads", tags=["Streaming"], route_class=JsonRoute)


class ProtocolEventStreamRequest(BaseModel):
    """`namespaces` are prefixes, all without them; `depth` is how far below one of them; `since` is a `seq`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    channels: Annotated[list[Channel], Field(min_length=1, max_length=100)]
    namespaces: Annotated[list[Namespace], Field(max_length=100)] | None = None
    depth: Annotated[int, Field(strict=True, ge=0)] | None = None
    since: Seq | None = None

    def selection(self) -> Selection:
        return Selection(
            frozenset(self.channels), tuple(tuple(prefix) for prefix in self.namespaces or ()), self.depth
        )


@router.post(
    "/{thread_id}/stream/events",
    response_model=None,
    responses={200: EVENT_STREAM},
    summary="Follow what happens on a thread",
)
async def events(
    rooms: Rooms,
    ctx: Reader,
    request: Request,
    thread_id: UUID,
    body: ProtocolEventStreamRequest,
    last_event_id: LastEventId = None,
) -> EventSourceResponse:
    """All that is stored after `since` or `Last-Event-ID`, then what comes; it never ends by itself.

    The thread need not exist yet. Of a run that did not come through `/commands`: its beginning and its end.
    """
    since = max(body.since or 0, int(last_event_id or 0))
    return event_stream(request, _frames(rooms.engine, ctx, thread_id, body.selection(), since))


async def _frames(
    engine: Engine, ctx: TenantContext, thread_id: UUID, selection: Selection, since: int
) -> AsyncGenerator[bytes]:
    async with aclosing(protocol_events.follow(engine, ctx, thread_id, since=since)) as slices:
        async for events, _ in slices:
            chosen = [frame(event.method, event.json(), event.seq) for event in events if selection.takes(event)]
            if chosen:
                yield b"".join(chosen)

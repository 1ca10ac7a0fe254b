"""Server-sent events: one frame for each typed event, and a failure as an event once the stream has begun."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from core.errors import AtriumError

log = logging.getLogger(__name__)

PING_SECONDS = 15
SEND_SECONDS = 30

# For `responses=` of a route, so that /docs shows what it sends.
EVENT_STREAM: dict[str, Any] = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}


def event_stream(request: Request, frames: AsyncIterator[tuple[str, str]]) -> EventSourceResponse:
    """`frames` are pairs of an event's name and its data as JSON in one line."""
    return EventSourceResponse(
        _numbered(request.state.request_id, frames),
        ping=PING_SECONDS,
        # A reader that takes nothing for so long has gone.
        send_timeout=SEND_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _numbered(request_id: str, frames: AsyncIterator[tuple[str, str]]) -> AsyncIterator[ServerSentEvent]:
    number = 0
    try:
        async for event, data in frames:
            number += 1
            yield ServerSentEvent(event=event, data=data, id=str(number))
    except AtriumError as error:
        log.warning("stream ended early: %s", error.code, extra={"request_id": request_id})
        yield _failure(error.code, error.detail, request_id)
    except Exception:
        log.exception("stream broke", extra={"request_id": request_id})
        yield _failure("internal_error", "Something went wrong on our side.", request_id)


def _failure(code: str, detail: str, request_id: str) -> ServerSentEvent:
    return ServerSentEvent(event="error", data=json.dumps({"code": code, "detail": detail, "request_id": request_id}))

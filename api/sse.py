"""Server-sent events: frames as they go over the wire, and a failure as an event once the stream has begun."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Header, Request
from pydantic import AfterValidator
from sse_starlette import EventSourceResponse

from core.errors import AtriumError

log = logging.getLogger(__name__)

PING_SECONDS = 15
SEND_SECONDS = 30

# For `responses=` of a route, so that /docs shows what it sends.
EVENT_STREAM: dict[str, Any] = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", pattern=r"^(-|-?\d{1,18})$", description="The last id that was seen; `-` is none."),
    AfterValidator(lambda id_: "0" if id_ == "-" else id_),
]


def frame(event: str, data: str, id_: int | str | None = None) -> bytes:
    """`data` is JSON in one line."""
    numbered = "" if id_ is None else f"id: {id_}\r\n"
    return f"{numbered}event: {event}\r\ndata: {data}\r\n\r\n".encode()


def event_stream(
    request: Request, frames: AsyncIterator[bytes], headers: dict[str, str] | None = None
) -> EventSourceResponse:
    return EventSourceResponse(
        _with_failure(request.state.request_id, frames),
        ping=PING_SECONDS,
        # A reader that takes nothing for so long has gone.
        send_timeout=SEND_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **(headers or {})},
    )


async def _with_failure(request_id: str, frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for each in frames:
            yield each
    except AtriumError as error:
        log.warning("stream ended early: %s", error.code, extra={"request_id": request_id})
        yield _failure(error.code, error.detail, request_id)
    except Exception:
        log.exception("stream broke", extra={"request_id": request_id})
        yield _failure("internal_error", "Something went wrong on our side.", request_id)


def _failure(code: str, detail: str, request_id: str) -> bytes:
    told = {"error": code, "message": detail, "code": code, "detail": detail, "request_id": request_id}
    return frame("error", json.dumps(told))

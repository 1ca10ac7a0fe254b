"""What nobody expected becomes a 500 that is logged once, counted, and carries the request's id."""

import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

log = logging.getLogger(__name__)


class Defects:
    """Stands inside the other middleware: Starlette's own place for this is outside, where nothing counts it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            log.info("the client left", extra={"request_id": scope["state"]["request_id"]})
        except Exception:
            request_id = scope["state"]["request_id"]
            log.exception("unhandled error", extra={"request_id": request_id})
            if started:
                raise
            detail = f"Something went wrong on our side; quote request {request_id}."
            await problem(request_id, 500, "internal_error", detail)(scope, receive, send)

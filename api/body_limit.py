"""Refuses a body that is too large while it arrives, not after it has been stored."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

IDLE_SECONDS = 30.0


class BodyLimit:
    """`upload_bytes` bounds the body of an upload, `other_bytes` every other."""

    def __init__(self, app: ASGIApp, *, upload_bytes: int, other_bytes: int) -> None:
        self._app = app
        self._upload_bytes = upload_bytes
        self._other_bytes = other_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._upload_bytes if scope["path"].endswith("/documents") else self._other_bytes
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            await self._refuse(scope, receive, send, limit)
            return

        received = 0
        complete = answering = False

        async def bounded_receive() -> Message:
            nonlocal received, complete
            if received > limit:
                return {"type": "http.disconnect"}
            # Once the body is there, what is waited for is the client's leaving.
            async with asyncio.timeout(None if complete else IDLE_SECONDS):
                message = await receive()
            complete = not message.get("more_body", False)
            received += len(message.get("body", b""))
            return {"type": "http.disconnect"} if received > limit else message

        async def send_unless_refused(message: Message) -> None:
            nonlocal answering
            if received <= limit or answering:
                answering = True
                await send(message)

        try:
            await self._app(scope, bounded_receive, send_unless_refused)
        except TimeoutError:
            if complete or answering:
                raise
            detail = f"Nothing of the body came for {IDLE_SECONDS:.0f} seconds; send it again."
            await problem(scope["state"]["request_id"], 408, "body_timeout", detail)(scope, receive, send)
        finally:
            if received > limit and not answering:
                await self._refuse(scope, receive, send, limit)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        detail = f"The body is larger than {limit:,} bytes; send less at once."
        # Closing keeps the rest of the body from being read as the next request.
        response = problem(scope["state"]["request_id"], 413, "too_large", detail, headers={"Connection": "close"})
        await response(scope, receive, send)

"""Refuses a body that is too large, or that stops coming, while it arrives and not after it has been stored."""

import asyncio

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

IDLE_SECONDS = 30.0

UPLOADS = ("/documents",)
IMPORTS = ("/import/openapi", "/import/openapi/preview")


class BodyLimit:
    """`upload_bytes` bounds the body of an upload, `import_bytes` that of an import, `other_bytes` every other."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        upload_bytes: int,
        import_bytes: int,
        other_bytes: int,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._app = app
        self._most = ((UPLOADS, upload_bytes), (IMPORTS, import_bytes))
        self._other_bytes = other_bytes
        self._idle_seconds = idle_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        request_id = scope["state"]["request_id"]
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            await _too_large(request_id, limit)(scope, receive, send)
            return

        received = 0
        complete = answering = False
        refusal: JSONResponse | None = None

        async def bounded_receive() -> Message:
            nonlocal received, complete, refusal
            if refusal is None:
                try:
                    # Once the body is there, what is waited for is the client's leaving.
                    async with asyncio.timeout(None if complete else self._idle_seconds):
                        message = await receive()
                except TimeoutError:
                    refusal = _too_slow(request_id, self._idle_seconds)
                else:
                    complete = not message.get("more_body", False)
                    received += len(message.get("body", b""))
                    if received <= limit:
                        return message
                    refusal = _too_large(request_id, limit)
            return {"type": "http.disconnect"}

        async def send_unless_refused(message: Message) -> None:
            nonlocal answering
            if refusal is None or answering:
                answering = True
                await send(message)

        try:
            await self._app(scope, bounded_receive, send_unless_refused)
        finally:
            if refusal is not None and not answering:
                await refusal(scope, receive, send)

    def _limit(self, path: str) -> int:
        return next((most for ends, most in self._most if path.endswith(ends)), self._other_bytes)


# Closing keeps the rest of a refused body from being read as the next request.
_CLOSE = {"Connection": "close"}


def _too_large(request_id: str, limit: int) -> JSONResponse:
    detail = f"The body is larger than {limit:,} bytes; send less at once."
    return problem(request_id, 413, "too_large", detail, headers=_CLOSE)


def _too_slow(request_id: str, seconds: float) -> JSONResponse:
    detail = f"Nothing of the body came for {seconds:g} seconds; send it again."
    return problem(request_id, 408, "body_timeout", detail, headers=_CLOSE)

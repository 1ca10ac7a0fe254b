"""JSON bodies as the clients of this protocol send and read them."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from agents import wire

_JSON = (b"content-type", b"application/json")


class JsonRoute(APIRoute):
    """Whatever a body calls itself, it is JSON: browsers send `text/plain` to spare themselves a preflight.

    Use it as `APIRouter(route_class=JsonRoute)`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            headers = [header for header in request.scope["headers"] if header[0] != b"content-type"]
            return await handle(Request({**request.scope, "headers": [*headers, _JSON]}, request.receive))

        return handle_json


class WireJson(Response):
    """Whatever graphs hold, as JSON: for answers whose model says only what they look like."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return wire.dumps(content).encode()

"""A server that says over HTTP exactly what a test wants, JSON-RPC or not."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.serving import serving

Said = Response | dict[str, Any]
INITIALIZED = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "hostile", "version": "1"},
}


def tool(name: str = "echo", **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}} | more


@dataclass
class Hostile:
    """`says` goes from JSON-RPC methods and HTTP methods to a response, or to the result in one."""

    says: dict[str, Callable[[Request], Said]]
    url: str = ""
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        message = json.loads(await request.body() or b"{}")
        method = message.get("method", request.method)
        self.asked.append(method)
        if method == "initialize" and method not in self.says:
            result = {"jsonrpc": "2.0", "id": message["id"], "result": INITIALIZED}
            return JSONResponse(result, headers={"mcp-session-id": "session"})
        if method not in self.says:
            return Response(status_code=202 if "id" not in message and request.method == "POST" else 400)
        said = self.says[method](request)
        if isinstance(said, Response):
            return said
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": said})


@asynccontextmanager
async def hostile(**says: Callable[[Request], Said]) -> AsyncIterator[Hostile]:
    """Keyword `tools_list` is the method tools/list."""
    peer = Hostile({name.replace("_", "/", 1): said for name, said in says.items()})
    app = Starlette(routes=[Route("/mcp", peer.answer, methods=["GET", "POST", "DELETE"])])
    async with serving(app) as url:
        peer.url = f"{url}/mcp"
        yield peer

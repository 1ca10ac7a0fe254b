"""An MCP server written with the official SDK, over real HTTP on this machine, that a test can change as it runs."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import mcp_types
import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.until import until

Context = ServerRequestContext[Any, Any]
Handler = Callable[[Context, dict[str, Any]], Awaitable[mcp_types.CallToolResult | mcp_types.InputRequiredResult]]


def text(*said: str, is_error: bool = False) -> mcp_types.CallToolResult:
    content: list[mcp_types.ContentBlock] = [mcp_types.TextContent(type="text", text=each) for each in said]
    return mcp_types.CallToolResult(content=content, is_error=is_error)


async def _echo(context: Context, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
    return text(str(arguments.get("text", "")))


def _happened() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class McpPeer:
    """`requests` are the HTTP methods it was asked with, `called` the tools with their arguments and `_meta`.

    `speaks_modern` False makes it one that knows sessions only; `token` is what it wants as a bearer;
    `forgets` counts the requests in a session that it answers with 404; lists wait for `may_list`.
    """

    port: int = 0
    tools: list[mcp_types.Tool] = field(default_factory=list)
    handlers: dict[str, Handler] = field(default_factory=dict)
    page_size: int = 1000
    speaks_modern: bool = True
    token: str | None = None
    forgets: int = 0
    may_list: asyncio.Event = field(default_factory=_happened)
    is_listing: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[str] = field(default_factory=list)
    called: list[tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def offer(self, name: str, handler: Handler = _echo, **definition: Any) -> None:
        """In the place of a tool of that name."""
        self.withdraw(name)
        schema = definition.pop("input_schema", {"type": "object", "properties": {"text": {"type": "string"}}})
        self.tools.append(mcp_types.Tool(name=name, input_schema=schema, **{"description": "Echoes."} | definition))
        self.handlers[name] = handler

    def withdraw(self, name: str) -> None:
        self.tools = [tool for tool in self.tools if tool.name != name]

    async def list_tools(
        self, context: Context, params: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListToolsResult:
        self.is_listing.set()
        await self.may_list.wait()
        first = int(params.cursor) if params and params.cursor else 0
        following = first + self.page_size
        cursor = str(following) if following < len(self.tools) else None
        return mcp_types.ListToolsResult(tools=self.tools[first:following], next_cursor=cursor)

    async def call_tool(
        self, context: Context, params: mcp_types.CallToolRequestParams
    ) -> mcp_types.CallToolResult | mcp_types.InputRequiredResult:
        arguments = params.arguments or {}
        self.called.append((params.name, arguments, dict(context.meta or {})))
        return await self.handlers[params.name](context, arguments)

    def in_front_of(self, app: ASGIApp) -> ASGIApp:
        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and (refusal := self._refusal(Request(scope))):
                await refusal(scope, receive, send)
            else:
                await app(scope, receive, send)

        return front

    def _refusal(self, request: Request) -> Response | None:
        self.requests.append(request.method)
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return Response("canary-of-the-server", 401)
        if not self.speaks_modern and request.headers.get("mcp-protocol-version") in MODERN_PROTOCOL_VERSIONS:
            return Response("canary-of-the-server", 400)
        if self.forgets and request.method == "POST" and "mcp-session-id" in request.headers:
            self.forgets -= 1
            return Response("canary-of-the-server", 404)
        return None


@asynccontextmanager
async def mcp_server(
    peer: McpPeer, *, json_response: bool = False, stateless: bool = False
) -> AsyncIterator[McpPeer]:
    """Until the block ends; on the same port again when it is started a second time."""
    server: Server[Any] = Server("peer", on_list_tools=peer.list_tools, on_call_tool=peer.call_tool)
    app = server.streamable_http_app(json_response=json_response, stateless_http=stateless)
    listener = socket.create_server(("127.0.0.1", peer.port))
    peer.port = listener.getsockname()[1]
    config = uvicorn.Config(peer.in_front_of(app), log_level="critical", lifespan="on", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    # Ctrl-C is the test run's.
    running.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(running.serve(sockets=[listener]))

    async def has_started() -> bool:
        return running.started

    try:
        await until(has_started)
        yield peer
    finally:
        running.should_exit = True
        await serving

"""A session with an MCP server: the SDK's client on our way out, in bounded time."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

from core.tenancy import TenantContext
from tools.calls import ToolFailed
from tools.egress.client import Egress
from tools.mcp.exchanges import CLOSE_SECONDS, Exchanges
from tools.mcp.failures import Failures
from tools.request import HttpRequest

LONGEST_REFUSAL = 2000  # characters
IDEMPOTENCY_KEY = "atrium/idempotencyKey"

_ATRIUM = mcp_types.Implementation(name="Atrium", version="1")
_CALLED: TypeAdapter[mcp_types.CallToolResult | mcp_types.InputRequiredResult] = TypeAdapter(
    mcp_types.CallToolResult | mcp_types.InputRequiredResult
)

# They quote what servers say, and URLs in which a key may stand.
for _name in ("client", "mcp.client", "mcp.shared"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class Session:
    """Made by `connected`. What it raises means something only outside of that block, which translates it."""

    def __init__(self, client: Client, failures: Failures, scope: anyio.CancelScope) -> None:
        self._client = client
        self._failures = failures
        self._scope = scope
        self._deadline = scope.deadline

    @property
    def protocol(self) -> str:
        return self._client.protocol_version

    async def list_tools(self, cursor: str | None) -> mcp_types.ListToolsResult:
        """One page of them."""
        return await self._client.session.list_tools(params=mcp_types.PaginatedRequestParams(cursor=cursor))

    async def call(self, tool: str, arguments: dict[str, Any], idempotency_key: str) -> mcp_types.CallToolResult:
        """What the server itself says against the call is a result with `is_error`."""
        meta: Any = {IDEMPOTENCY_KEY: idempotency_key}
        params = mcp_types.CallToolRequestParams(name=tool, arguments=arguments, _meta=meta)
        # The request has a clock of its own, and when that has run out the server is told.
        self._scope.deadline = self._deadline + CLOSE_SECONDS
        self._failures.has_called = True
        try:
            # Not `call_tool`, which lets the server's own schema, with its patterns, loose on the answer.
            result = await self._client.session.send_request(
                mcp_types.CallToolRequest(params=params),
                _CALLED,
                request_read_timeout_seconds=max(0.0, self._deadline - anyio.current_time()),
            )
        except MCPError as error:
            if not self._failures.is_answer(error):
                raise
            said = mcp_types.TextContent(type="text", text=error.message[:LONGEST_REFUSAL])
            return mcp_types.CallToolResult(content=[said], is_error=True)
        if isinstance(result, mcp_types.InputRequiredResult):
            raise ToolFailed(f"{tool} asks for more in the middle of a call, which is not supported.")
        return result


@asynccontextmanager
async def connected(
    egress: Egress,
    ctx: TenantContext,
    request: HttpRequest,
    *,
    protocol: str | None,
    deadline: float,
    max_bytes: int,
) -> AsyncIterator[Session]:
    """Speaks `protocol`, or what the server prefers when that is None, until `deadline` of `anyio.current_time()`.

    `request` is authorized; its URL and headers are used. No message of the server may be longer than `max_bytes`.
    Nothing is offered to the server that it could ask for: no sampling, elicitation or roots.
    Raises `PeerFailed`, `SessionLost`, `UrlRefused`.
    """
    exchanges = Exchanges()
    seconds = max(0.1, deadline - anyio.current_time())
    failures = Failures(request.url, seconds, exchanges, is_remembered=protocol is not None)
    has_ended = False
    try:
        with anyio.CancelScope(deadline=deadline) as scope:
            async with egress.client(ctx.tenant_id, seconds=seconds, max_bytes=max_bytes) as http:
                http.headers.update(request.headers)
                exchanges.watch(http)
                streams = streamable_http_client(request.url, http_client=http, max_sse_event_size=max_bytes)
                mode = _mode(protocol)
                async with Client(
                    streams, mode=mode, cache=None, client_info=_ATRIUM, read_timeout_seconds=seconds
                ) as client:
                    try:
                        yield Session(client, failures, scope)
                        has_ended = True
                    finally:
                        scope.deadline = anyio.current_time() + CLOSE_SECONDS
    except BaseExceptionGroup as group:
        _heed_cancellation()
        cause = failures.cause_of(group)
        if told := failures.told(cause):
            raise told from cause
        raise cause from cause.__cause__
    if scope.cancelled_caught and not has_ended:
        raise failures.too_slow()


def _heed_cancellation() -> None:
    """What the SDK's streams raise when they are torn down may take the place of what tore them down."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from None


def _mode(protocol: str | None) -> str:
    if protocol in MODERN_PROTOCOL_VERSIONS:
        return protocol
    return "legacy" if protocol in HANDSHAKE_PROTOCOL_VERSIONS else "auto"

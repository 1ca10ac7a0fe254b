"""Tools that MCP servers offer."""

import json
from typing import Any

import anyio

from core.db import Database
from core.errors import NotFound
from tools.calls import Answer, Call, ToolFailed
from tools.credentials.credentials import Credentials
from tools.egress.client import Egress
from tools.mcp import invocation, offers, servers
from tools.mcp.contents import size_of, text_of
from tools.mcp.failures import SessionLost
from tools.mcp.invocation import McpInvocation
from tools.mcp.listing import MAX_BYTES, pin_of
from tools.mcp.servers import Server
from tools.mcp.session import connected
from tools.request import HttpRequest
from tools.sending import masked, without_secrets


class McpKind:
    """Fulfils `tools.calls.Kind`. Each call has a session of its own."""

    def __init__(self, database: Database, egress: Egress, credentials: Credentials) -> None:
        self._database = database
        self._egress = egress
        self._credentials = credentials

    def checked(self, invocation_: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        return invocation.checked(invocation_)

    async def preview(self, call: Call) -> dict[str, Any]:
        """The request that calls the tool; those that open and close the session around it are not shown."""
        wanted = McpInvocation.model_validate(call.tool.invocation)
        server = await self._accepted(call, wanted)
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": wanted.tool, "arguments": call.arguments},
        }
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = (("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream"))
        return masked(await self._authorized(call, server, HttpRequest("POST", server.url, headers, body)))

    async def call(self, call: Call) -> Answer:
        wanted = McpInvocation.model_validate(call.tool.invocation)
        server = await self._accepted(call, wanted)
        request = await self._authorized(call, server, HttpRequest("POST", server.url))
        deadline = anyio.current_time() + call.limits.seconds
        try:
            return await self._exchange(call, wanted, request, server.protocol, deadline)
        except SessionLost:
            return await self._exchange(call, wanted, request, None, deadline)

    async def _exchange(
        self, call: Call, wanted: McpInvocation, request: HttpRequest, protocol: str | None, deadline: float
    ) -> Answer:
        # The list of tools may be longer than an answer.
        most = max(call.limits.max_bytes, MAX_BYTES)
        async with connected(
            self._egress, call.tenant, request, protocol=protocol, deadline=deadline, max_bytes=most
        ) as session:
            pin = await pin_of(session, wanted.tool)
            if pin is None:
                raise ToolFailed(f"{wanted.server} no longer offers {wanted.tool}.")
            if pin.hex() != wanted.pin:
                raise _held_back(wanted)
            result = await session.call(wanted.tool, call.arguments, call.idempotency_key)
        size = size_of(result)
        if size > call.limits.max_bytes:
            raise ToolFailed(f"{wanted.tool} answered with more than {call.limits.max_bytes} bytes; ask it for less.")
        return Answer(without_secrets(text_of(result), request.secrets), size, is_error=result.is_error)

    async def _accepted(self, call: Call, wanted: McpInvocation) -> Server:
        """Raises `ToolFailed` unless the tool is, as far as is known, what an admin accepted."""
        async with self._database.tenant_transaction(call.tenant, prepared=True) as connection:
            try:
                server = await servers.get(connection, call.tenant, wanted.server)
            except NotFound as exc:
                raise ToolFailed(f"The server {wanted.server}, which {call.tool.name} is of, is gone.") from exc
            offer = await offers.of_tool(connection, call.tenant, wanted.server, wanted.tool)
        if offer is None or offer.is_held_back or offer.pin is None or offer.pin.hex() != wanted.pin:
            raise _held_back(wanted)
        return server

    async def _authorized(self, call: Call, server: Server, request: HttpRequest) -> HttpRequest:
        return await self._credentials.authorized(call.tenant, call.tool.credential_owner, server.security, request)


def _held_back(wanted: McpInvocation) -> ToolFailed:
    return ToolFailed(f"{wanted.tool} was changed on its server {wanted.server} and waits for an admin to accept it.")

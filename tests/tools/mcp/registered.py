"""From a server to a tool that can be called, as an admin goes there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.db import Database
from core.tenancy import TenantContext
from tenants.vault import Vault
from tools.calls import Answer, Call, Limits
from tools.credentials.credentials import Credentials
from tools.credentials.schemes import Scheme
from tools.definitions import Tool
from tools.egress.client import Egress
from tools.mcp import offers, refreshing, servers
from tools.mcp.drafts import Draft, drafts_of
from tools.mcp.kind import McpKind
from tools.mcp.refreshing import Refreshed

LIMITS = Limits(seconds=10, max_bytes=100_000)


@dataclass(frozen=True)
class House:
    database: Database
    vault: Vault
    egress: Egress
    credentials: Credentials

    @property
    def kind(self) -> McpKind:
        return McpKind(self.database, self.egress, self.credentials)

    async def add(
        self, ctx: TenantContext, url: str, *, name: str = "peer", security: Sequence[Scheme] = ()
    ) -> servers.Server:
        async with self.database.tenant_transaction(ctx) as connection:
            return await servers.create(connection, ctx, name, url, security)

    async def refresh(self, ctx: TenantContext, name: str = "peer", *, seconds: float = 10.0) -> Refreshed:
        return await refreshing.refresh(self.database, self.egress, self.credentials, ctx, name, seconds=seconds)

    async def accept(self, ctx: TenantContext, drafts: Sequence[Draft], name: str = "peer") -> None:
        async with self.database.tenant_transaction(ctx) as connection:
            await offers.accept(connection, ctx, name, {draft.tool: draft.pin for draft in drafts})

    async def accepted(self, ctx: TenantContext, name: str = "peer") -> dict[str, Tool]:
        """All that the server offers now, by the names that it gives."""
        refreshed = await self.refresh(ctx, name)
        drafts, _ = drafts_of(refreshed.server, refreshed.offers)
        await self.accept(ctx, drafts, name)
        return {draft.tool: tool_of(draft, name) for draft in drafts}

    async def speak(self, ctx: TenantContext, protocol: str | None, name: str = "peer") -> None:
        """Calls begin with this version of MCP."""
        async with self.database.tenant_transaction(ctx) as connection:
            await connection.execute(
                "UPDATE mcp_servers SET protocol = %s WHERE tenant_id = %s AND name = %s",
                (protocol, ctx.tenant_id, name),
            )

    async def call(self, ctx: TenantContext, tool: Tool, limits: Limits = LIMITS, **arguments: Any) -> Answer:
        return await self.kind.call(Call(ctx, tool, arguments, "key-1", limits))


def tool_of(draft: Draft, source: str = "peer") -> Tool:
    return Tool(
        draft.name, 1, "mcp", draft.description, draft.parameters, draft.side_effect, draft.invocation, source
    )

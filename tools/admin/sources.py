"""Tools that came together, from one OpenAPI document or one MCP server."""

from core.db import Connection
from core.tenancy import TenantContext
from tools.definitions import SideEffect
from tools.registry import tools
from tools.toolbox import Toolbox

_STRICTNESS = (SideEffect.NONE, SideEffect.READ, SideEffect.WRITE)


async def forget(toolbox: Toolbox, connection: Connection, ctx: TenantContext, source: str) -> None:
    """In the caller's transaction: all its tools, and everybody's credentials for them."""
    for tool in await tools.of_source(connection, ctx, source):
        await tools.delete(connection, ctx, tool.name)
    await toolbox.vault.forget_owner(connection, ctx, f"source:{source}")


def stricter(one: SideEffect, other: SideEffect) -> SideEffect:
    """What a newer definition says of itself never makes a tool less careful."""
    return max(one, other, key=_STRICTNESS.index)

"""OpenAPI documents that tools came from: what each import is called, and where its document was."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from core.db import Connection
from core.errors import Conflict, NotFound
from core.tenancy import TenantContext

MOST_PER_TENANT = 100


@dataclass(frozen=True, slots=True)
class Imported:
    """`url` is None of a document that was sent; `tools` counts the disabled ones too."""

    name: str
    url: str | None
    title: str
    tools: int
    created_at: datetime
    updated_at: datetime


_SELECT: LiteralString = (
    "SELECT i.name, i.url, i.title, i.created_at, i.updated_at, (SELECT count(*) FROM tools t "
    "WHERE t.tenant_id = i.tenant_id AND t.source = i.name) AS tools FROM tool_imports i "
    "WHERE i.tenant_id = %(tenant_id)s "
)


async def put(connection: Connection, ctx: TenantContext, name: str, *, url: str | None, title: str) -> None:
    """New or brought up to date, and nobody else's until the transaction ends. Raises `Conflict`."""
    await check_name(connection, ctx, name)
    stored = await connection.execute(
        "INSERT INTO tool_imports (tenant_id, name, url, title, created_by) "
        "SELECT %(tenant_id)s, %(name)s, %(url)s, %(title)s, %(user_id)s "
        "WHERE (SELECT count(*) FROM tool_imports WHERE tenant_id = %(tenant_id)s AND name <> %(name)s) < %(most)s "
        "ON CONFLICT (tenant_id, name) DO UPDATE SET url = excluded.url, title = excluded.title, updated_at = now()",
        {
            "tenant_id": ctx.tenant_id,
            "name": name,
            "url": url,
            "title": title,
            "user_id": ctx.user_id,
            "most": MOST_PER_TENANT,
        },
    )
    if stored.rowcount == 0:
        raise Conflict(f"A tenant has at most {MOST_PER_TENANT} imports; delete some first.", code="too_many_imports")


async def check_name(connection: Connection, ctx: TenantContext, name: str) -> None:
    """A server of the same name would share its tools and its credentials. Raises `Conflict`."""
    servers = await connection.execute(
        "SELECT FROM mcp_servers WHERE tenant_id = %s AND name = %s", (ctx.tenant_id, name)
    )
    if servers.rowcount:
        raise Conflict(f"There is a tool server named {name}; choose another name.", code="name_taken")


async def get(connection: Connection, ctx: TenantContext, name: str) -> Imported:
    """Raises `NotFound`."""
    rows = await connection.execute(_SELECT + "AND i.name = %(name)s", {"tenant_id": ctx.tenant_id, "name": name})
    row = await rows.fetchone()
    if row is None:
        raise NotFound("import")
    return Imported(**row)


async def listed(connection: Connection, ctx: TenantContext) -> list[Imported]:
    """By name."""
    rows = await connection.execute(_SELECT + "ORDER BY i.name", {"tenant_id": ctx.tenant_id})
    return [Imported(**row) for row in await rows.fetchall()]


async def delete(connection: Connection, ctx: TenantContext, name: str) -> None:
    """Its tools stay. Raises `NotFound`."""
    deleted = await connection.execute(
        "DELETE FROM tool_imports WHERE tenant_id = %s AND name = %s", (ctx.tenant_id, name)
    )
    if deleted.rowcount == 0:
        raise NotFound("import")

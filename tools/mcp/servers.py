"""MCP servers that a tenant's admins named: where they are, and how Atrium proves who calls."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from core.db import Connection
from core.errors import Conflict, Invalid, NotFound
from core.paging import Cursor, Page, page
from core.tenancy import TenantContext
from tools.credentials.schemes import Scheme
from tools.definitions import NAME_PATTERN

MOST_PER_TENANT = 100
MOST_SCHEMES = 10

_SCHEMES: TypeAdapter[tuple[Scheme, ...]] = TypeAdapter(tuple[Scheme, ...])


@dataclass(frozen=True, slots=True)
class Server:
    """`protocol` is the version of MCP that it spoke when it was last asked, None before that."""

    server_id: UUID
    name: str
    url: str
    security: tuple[Scheme, ...]
    protocol: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def credential_owner(self) -> str:
        """The same as of the tools that come from it."""
        return f"source:{self.name}"


_SELECT: LiteralString = (
    "SELECT server_id, name, url, security, protocol, created_at, updated_at "
    "FROM mcp_servers WHERE tenant_id = %(tenant_id)s "
)


async def create(
    connection: Connection, ctx: TenantContext, name: str, url: str, security: Sequence[Scheme] = ()
) -> Server:
    """`url` was checked by `tools.egress.policy.check_url`. Raises `Invalid`, and `Conflict`, changing nothing."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise Invalid("A server's name has 1 to 64 letters, digits, `_` and `-`.")
    # An import of the same name would share its tools and its credentials.
    inserted = await connection.execute(
        "INSERT INTO mcp_servers (tenant_id, name, url, security, created_by) "
        "SELECT %(tenant_id)s, %(name)s, %(url)s, %(security)s, %(user_id)s "
        "WHERE NOT EXISTS (SELECT FROM tool_imports WHERE tenant_id = %(tenant_id)s AND name = %(name)s) "
        "AND (SELECT count(*) FROM mcp_servers WHERE tenant_id = %(tenant_id)s) < %(most)s ON CONFLICT DO NOTHING",
        {
            "tenant_id": ctx.tenant_id,
            "name": name,
            "url": url,
            "security": _as_json(security),
            "user_id": ctx.user_id,
            "most": MOST_PER_TENANT,
        },
    )
    if inserted.rowcount == 0:
        raise await _refusal(connection, ctx, name)
    return await get(connection, ctx, name)


async def get(connection: Connection, ctx: TenantContext, name: str, *, lock: bool = False) -> Server:
    """`lock` keeps it from being changed until the transaction ends. Raises `NotFound`."""
    rows = await connection.execute(
        _SELECT + "AND name = %(name)s" + (" FOR UPDATE" if lock else ""), {"tenant_id": ctx.tenant_id, "name": name}
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("tool server")
    return _server(row)


async def list_page(connection: Connection, ctx: TenantContext, *, cursor: Cursor, limit: int) -> Page[Server]:
    """The newest first."""
    rows = await connection.execute(
        _SELECT + "AND (created_at, server_id) < (%(created_at)s, %(row_id)s) "
        "ORDER BY created_at DESC, server_id DESC LIMIT %(limit)s",
        {"tenant_id": ctx.tenant_id, **cursor.parameters(limit)},
    )
    found = [_server(row) for row in await rows.fetchall()]
    return page(found, limit, position=lambda item: Cursor(item.created_at, item.server_id))


async def update(
    connection: Connection,
    ctx: TenantContext,
    name: str,
    *,
    url: str | None = None,
    security: Sequence[Scheme] | None = None,
) -> Server:
    """What is None stays as it is. Raises `NotFound`."""
    await connection.execute(
        "UPDATE mcp_servers SET url = coalesce(%(url)s, url), security = coalesce(%(security)s, security), "
        "protocol = CASE WHEN %(url)s::text IS NULL THEN protocol END, updated_at = now() "
        "WHERE tenant_id = %(tenant_id)s AND name = %(name)s",
        {
            "tenant_id": ctx.tenant_id,
            "name": name,
            "url": url,
            "security": None if security is None else _as_json(security),
        },
    )
    return await get(connection, ctx, name)


async def remember_protocol(connection: Connection, ctx: TenantContext, name: str, protocol: str) -> None:
    await connection.execute(
        "UPDATE mcp_servers SET protocol = %s WHERE tenant_id = %s AND name = %s AND protocol IS DISTINCT FROM %s",
        (protocol, ctx.tenant_id, name, protocol),
    )


async def delete(connection: Connection, ctx: TenantContext, name: str) -> None:
    """With all that was accepted of it. Its tools stay, and fail when they are called. Raises `NotFound`."""
    deleted = await connection.execute(
        "DELETE FROM mcp_servers WHERE tenant_id = %s AND name = %s", (ctx.tenant_id, name)
    )
    if deleted.rowcount == 0:
        raise NotFound("tool server")


def _server(row: dict[str, Any]) -> Server:
    return Server(**{**row, "security": _SCHEMES.validate_python(row["security"])})


def _as_json(security: Sequence[Scheme]) -> Jsonb:
    if len(security) > MOST_SCHEMES or len({scheme.id for scheme in security}) < len(security):
        raise Invalid(f"`security` has at most {MOST_SCHEMES} schemes, each with an `id` of its own.")
    return Jsonb(_SCHEMES.dump_python(tuple(security), mode="json"))


async def _refusal(connection: Connection, ctx: TenantContext, name: str) -> Conflict:
    taken = await connection.execute(
        "SELECT FROM mcp_servers WHERE tenant_id = %(tenant_id)s AND name = %(name)s "
        "UNION ALL SELECT FROM tool_imports WHERE tenant_id = %(tenant_id)s AND name = %(name)s",
        {"tenant_id": ctx.tenant_id, "name": name},
    )
    if taken.rowcount:
        return Conflict(
            f"There is a server or an import named {name} already; choose another name.", code="name_taken"
        )
    return Conflict(f"A tenant has at most {MOST_PER_TENANT} servers; delete some first.", code="too_many_servers")

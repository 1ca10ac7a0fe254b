"""Tools as rows: a name that is the tenant's own, versions that never change, and the one that is the latest."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from core.db import Connection
from core.errors import Conflict, NotFound
from core.paging import Cursor, Page, page
from core.tenancy import TenantContext
from tools.builtin.kind import BUILTIN
from tools.definitions import KindName, SideEffect, Tool

MOST_PER_TENANT = 5_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A version to be, checked: see `tools.registry.drafts`."""

    kind: KindName
    description: str
    parameters: dict[str, Any]
    side_effect: SideEffect
    invocation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Registered:
    """A tool with its latest version; `source` is the import or the server it came from.

    `enabled` is an admin's word; `withdrawn`: its source has it no more. It is called if the one and not the other.
    """

    tool_id: UUID
    name: str
    version: int
    enabled: bool
    withdrawn: bool
    source: str | None
    kind: KindName
    description: str
    parameters: dict[str, Any]
    side_effect: SideEffect
    invocation: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    @property
    def tool(self) -> Tool:
        return Tool(
            self.name,
            self.version,
            self.kind,
            self.description,
            self.parameters,
            self.side_effect,
            self.invocation,
            self.source,
        )


@dataclass(frozen=True, slots=True)
class Version:
    name: str
    version: int
    kind: KindName
    description: str
    parameters: dict[str, Any]
    side_effect: SideEffect
    invocation: dict[str, Any]
    created_by: UUID
    created_at: datetime


_REGISTERED: LiteralString = (
    "SELECT t.tool_id, t.name, v.version, t.enabled, t.withdrawn, t.source, v.kind, v.description, v.parameters, "
    "v.side_effect, v.invocation, t.created_at, t.updated_at FROM tools t JOIN tool_versions v "
    "ON v.tenant_id = t.tenant_id AND v.name = t.name AND v.version = t.latest WHERE t.tenant_id = %(tenant_id)s "
)


async def create(
    connection: Connection, ctx: TenantContext, name: str, draft: Draft, *, source: str | None = None
) -> Registered:
    """As version 1. Raises `Conflict` for a name that is taken, which changes nothing."""
    inserted = await connection.execute(
        "INSERT INTO tools (tenant_id, name, source) SELECT %(tenant_id)s, %(name)s, %(source)s "
        "WHERE (SELECT count(*) FROM tools WHERE tenant_id = %(tenant_id)s) < %(most)s ON CONFLICT DO NOTHING",
        {"tenant_id": ctx.tenant_id, "name": name, "source": source, "most": MOST_PER_TENANT},
    )
    if inserted.rowcount == 0:
        raise await _refusal(connection, ctx, name)
    await _insert_version(connection, ctx, name, 1, draft)
    return await get(connection, ctx, name)


async def add_version(connection: Connection, ctx: TenantContext, name: str, draft: Draft) -> Registered:
    """Becomes the latest. Raises `NotFound`."""
    await _lock(connection, ctx, name)
    rows = await connection.execute(
        "UPDATE tools SET updated_at = now(), latest = 1 + (SELECT max(version) FROM tool_versions "
        "WHERE tenant_id = %(tenant_id)s AND name = %(name)s) "
        "WHERE tenant_id = %(tenant_id)s AND name = %(name)s RETURNING latest",
        {"tenant_id": ctx.tenant_id, "name": name},
    )
    row = await rows.fetchone()
    assert row is not None, "it is locked"
    await _insert_version(connection, ctx, name, row["latest"], draft)
    return await get(connection, ctx, name)


async def set_latest(connection: Connection, ctx: TenantContext, name: str, version: int) -> Registered:
    """Rolls back, or forward again. Raises `NotFound`."""
    await _lock(connection, ctx, name)
    changed = await connection.execute(
        "UPDATE tools SET latest = %(version)s, updated_at = now() WHERE tenant_id = %(tenant_id)s "
        "AND name = %(name)s AND EXISTS (SELECT FROM tool_versions WHERE tenant_id = %(tenant_id)s "
        "AND name = %(name)s AND version = %(version)s)",
        {"tenant_id": ctx.tenant_id, "name": name, "version": version},
    )
    if changed.rowcount == 0:
        raise NotFound("version of this tool")
    return await get(connection, ctx, name)


async def set_enabled(connection: Connection, ctx: TenantContext, name: str, *, enabled: bool) -> Registered:
    """A disabled tool is offered to no model and called by none. Raises `NotFound`."""
    await connection.execute(
        "UPDATE tools SET enabled = %s, updated_at = now() WHERE tenant_id = %s AND name = %s",
        (enabled, ctx.tenant_id, name),
    )
    return await get(connection, ctx, name)


async def set_withdrawn(connection: Connection, ctx: TenantContext, name: str, *, withdrawn: bool) -> None:
    """Of a tool whose source has it no more, or has it again."""
    await connection.execute(
        "UPDATE tools SET withdrawn = %s, updated_at = now() WHERE tenant_id = %s AND name = %s",
        (withdrawn, ctx.tenant_id, name),
    )


async def delete(connection: Connection, ctx: TenantContext, name: str) -> None:
    """With its versions, policy, grants and what waits for approval; the audit stays. Raises `NotFound`."""
    deleted = await connection.execute("DELETE FROM tools WHERE tenant_id = %s AND name = %s", (ctx.tenant_id, name))
    if deleted.rowcount == 0:
        raise NotFound("tool")
    # A tool that later takes the name must not inherit what was meant for this one.
    for table in _OF_A_NAME:
        await connection.execute(table, (ctx.tenant_id, name))


async def get(connection: Connection, ctx: TenantContext, name: str) -> Registered:
    """Raises `NotFound`."""
    rows = await connection.execute(_REGISTERED + "AND t.name = %(name)s", {"tenant_id": ctx.tenant_id, "name": name})
    row = await rows.fetchone()
    if row is None:
        raise NotFound("tool")
    return _registered(row)


async def current(connection: Connection, ctx: TenantContext, name: str) -> Tool:
    """The latest version, or a built-in tool. Raises `NotFound`."""
    return BUILTIN[name] if name in BUILTIN else (await get(connection, ctx, name)).tool


async def list_page(
    connection: Connection, ctx: TenantContext, *, cursor: Cursor, limit: int, source: str | None = None
) -> Page[Registered]:
    """The newest first."""
    rows = await connection.execute(
        _REGISTERED + "AND (%(source)s::text IS NULL OR t.source = %(source)s) "
        "AND (t.created_at, t.tool_id) < (%(created_at)s, %(row_id)s) "
        "ORDER BY t.created_at DESC, t.tool_id DESC LIMIT %(limit)s",
        {"tenant_id": ctx.tenant_id, "source": source, **cursor.parameters(limit)},
    )
    found = [_registered(row) for row in await rows.fetchall()]
    return page(found, limit, position=lambda item: Cursor(item.created_at, item.tool_id))


async def of_source(connection: Connection, ctx: TenantContext, source: str) -> list[Registered]:
    """By name."""
    rows = await connection.execute(
        _REGISTERED + "AND t.source = %(source)s ORDER BY t.name", {"tenant_id": ctx.tenant_id, "source": source}
    )
    return [_registered(row) for row in await rows.fetchall()]


async def versions(connection: Connection, ctx: TenantContext, name: str) -> list[Version]:
    """The newest first, at most a hundred. Raises `NotFound`."""
    await get(connection, ctx, name)
    rows = await connection.execute(
        "SELECT name, version, kind, description, parameters, side_effect, invocation, created_by, created_at "
        "FROM tool_versions WHERE tenant_id = %s AND name = %s ORDER BY version DESC LIMIT 100",
        (ctx.tenant_id, name),
    )
    return [Version(**{**row, "side_effect": SideEffect(row["side_effect"])}) for row in await rows.fetchall()]


async def former_securities(connection: Connection, ctx: TenantContext, name: str) -> list[Any]:
    """What each version of a tool says of its credentials, the newest first, each once; none of a built-in tool."""
    rows = await connection.execute(
        "SELECT invocation->'security' AS security, max(version) AS newest FROM tool_versions "
        "WHERE tenant_id = %s AND name = %s AND invocation ? 'security' GROUP BY 1 ORDER BY newest DESC LIMIT 20",
        (ctx.tenant_id, name),
    )
    return [row["security"] for row in await rows.fetchall()]


async def require_owner(connection: Connection, ctx: TenantContext, credential_owner: str) -> None:
    """Raises `NotFound` when the tool is gone, or the import or server that many of them came from."""
    kind, _, name = credential_owner.partition(":")
    found = await connection.execute(_OWNERS[kind], {"tenant_id": ctx.tenant_id, "name": name})
    if found.rowcount == 0:
        raise NotFound("tool")


async def taken(connection: Connection, ctx: TenantContext, names: Collection[str]) -> list[str]:
    """Those of `names` that are tools already."""
    rows = await connection.execute(
        "SELECT name FROM tools WHERE tenant_id = %s AND name = ANY(%s) ORDER BY name", (ctx.tenant_id, list(names))
    )
    return [row["name"] for row in await rows.fetchall()]


_OWNERS: dict[str, LiteralString] = {
    "tool": "SELECT FROM tools WHERE tenant_id = %(tenant_id)s AND name = %(name)s",
    "source": "SELECT FROM tool_imports WHERE tenant_id = %(tenant_id)s AND name = %(name)s "
    "UNION ALL SELECT FROM mcp_servers WHERE tenant_id = %(tenant_id)s AND name = %(name)s",
}
_OF_A_NAME: tuple[LiteralString, ...] = (
    "DELETE FROM tool_policies WHERE tenant_id = %s AND name = %s",
    "DELETE FROM tool_grants WHERE tenant_id = %s AND name = %s",
    "DELETE FROM tool_approvals WHERE tenant_id = %s AND name = %s",
)


def _registered(row: dict[str, Any]) -> Registered:
    return Registered(**{**row, "side_effect": SideEffect(row["side_effect"])})


async def _insert_version(connection: Connection, ctx: TenantContext, name: str, version: int, draft: Draft) -> None:
    await connection.execute(
        "INSERT INTO tool_versions "
        "(tenant_id, name, version, kind, description, parameters, side_effect, invocation, created_by) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            ctx.tenant_id,
            name,
            version,
            draft.kind,
            draft.description,
            Jsonb(draft.parameters),
            draft.side_effect,
            Jsonb(draft.invocation),
            ctx.user_id,
        ),
    )


async def _lock(connection: Connection, ctx: TenantContext, name: str) -> None:
    found = await connection.execute(
        "SELECT FROM tools WHERE tenant_id = %s AND name = %s FOR UPDATE", (ctx.tenant_id, name)
    )
    if found.rowcount == 0:
        raise NotFound("tool")


async def _refusal(connection: Connection, ctx: TenantContext, name: str) -> Conflict:
    if await taken(connection, ctx, [name]):
        return Conflict(f"There is a tool named {name} already; choose another name.", code="tool_exists")
    return Conflict(f"A tenant has at most {MOST_PER_TENANT} tools; delete some first.", code="too_many_tools")

"""Who may call a tool: nobody, until an admin allows it. Where one grant allows and another denies, it is denied."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from core.db import Connection
from core.errors import Conflict, NotFound
from core.tenancy import Role, TenantContext
from tenants.permissions import roles_from, roles_up_to

MOST_PER_TOOL = 200

Effect = Literal["allow", "deny"]


class NewGrant(BaseModel):
    """Without `role` and `assistant_id` everyone in the tenant is meant, through every assistant.

    To allow a role is to allow those above it too, to deny one is to deny those below it; deny wins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    effect: Effect = "allow"
    role: Role | None = None
    assistant_id: UUID | None = None


NewGrants = Annotated[
    tuple[NewGrant, ...], Field(max_length=20, description="for tools that are new; nobody may call one without")
]


@dataclass(frozen=True, slots=True)
class Grant:
    """A `NewGrant` that was given."""

    grant_id: UUID
    name: str
    effect: Effect
    role: Role | None
    assistant_id: UUID | None
    created_by: UUID
    created_at: datetime


_COLUMNS: LiteralString = "grant_id, name, effect, role, assistant_id, created_by, created_at"

_MEANT: LiteralString = (
    "(g.assistant_id IS NULL OR g.assistant_id = %(assistant_id)s) AND (g.role IS NULL OR CASE g.effect "
    "WHEN 'allow' THEN g.role = ANY(%(roles_below)s) ELSE g.role = ANY(%(roles_above)s) END)"
)
# The names that the caller of `meant` may call, as a query.
GRANTED: LiteralString = (
    f"SELECT g.name FROM tool_grants g WHERE g.tenant_id = %(tenant_id)s AND {_MEANT} "
    "GROUP BY g.name HAVING bool_and(g.effect = 'allow')"
)


def meant(ctx: TenantContext, assistant_id: UUID) -> dict[str, Any]:
    """The parameters of `GRANTED`."""
    return {
        "tenant_id": ctx.tenant_id,
        "assistant_id": assistant_id,
        "roles_below": list(roles_up_to(ctx.role)),
        "roles_above": list(roles_from(ctx.role)),
    }


async def add(
    connection: Connection,
    ctx: TenantContext,
    name: str,
    *,
    effect: Effect,
    role: Role | None = None,
    assistant_id: UUID | None = None,
) -> Grant:
    """Of a tool that the caller has seen to exist. Raises `Conflict` when there are too many."""
    rows = await connection.execute(
        "INSERT INTO tool_grants (tenant_id, name, effect, role, assistant_id, created_by) "
        "SELECT %(tenant_id)s, %(name)s, %(effect)s, %(role)s, %(assistant_id)s, %(user_id)s "
        "WHERE (SELECT count(*) FROM tool_grants WHERE tenant_id = %(tenant_id)s AND name = %(name)s) < %(most)s "
        f"RETURNING {_COLUMNS}",
        {
            "tenant_id": ctx.tenant_id,
            "user_id": ctx.user_id,
            "name": name,
            "effect": effect,
            "role": role,
            "assistant_id": assistant_id,
            "most": MOST_PER_TOOL,
        },
    )
    row = await rows.fetchone()
    if row is None:
        raise Conflict(f"A tool has at most {MOST_PER_TOOL} grants; delete one first.", code="too_many_grants")
    return Grant(**row)


async def add_each(connection: Connection, ctx: TenantContext, names: Sequence[str], new: Sequence[NewGrant]) -> None:
    """All of `new` for every tool of `names`."""
    for name in names:
        for each in new:
            await add(connection, ctx, name, effect=each.effect, role=each.role, assistant_id=each.assistant_id)


async def of_tool(connection: Connection, ctx: TenantContext, name: str) -> list[Grant]:
    """The oldest first."""
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM tool_grants WHERE tenant_id = %s AND name = %s ORDER BY created_at, grant_id",
        (ctx.tenant_id, name),
    )
    return [Grant(**row) for row in await rows.fetchall()]


async def delete(connection: Connection, ctx: TenantContext, name: str, grant_id: UUID) -> None:
    """Raises `NotFound`."""
    deleted = await connection.execute(
        "DELETE FROM tool_grants WHERE tenant_id = %s AND name = %s AND grant_id = %s",
        (ctx.tenant_id, name, grant_id),
    )
    if deleted.rowcount == 0:
        raise NotFound("grant of this tool")

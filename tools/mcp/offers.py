"""What a server offered when it was last asked, beside what an admin has accepted of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from core.db import Connection
from core.errors import Conflict
from core.tenancy import TenantContext
from tools.mcp.pins import Difference, Offered, difference


@dataclass(frozen=True, slots=True)
class Offer:
    """`definition` and `pin` are None of a tool that is no longer offered, `accepted_pin` of one not yet accepted."""

    tool: str
    definition: dict[str, Any] | None = field(repr=False)
    pin: bytes | None
    accepted_pin: bytes | None
    seen_at: datetime

    @property
    def is_held_back(self) -> bool:
        return self.pin is None or self.pin != self.accepted_pin


def difference_of(offers: Sequence[Offer]) -> Difference:
    return difference(
        {offer.tool: offer.pin for offer in offers if offer.pin is not None},
        {offer.tool: offer.accepted_pin for offer in offers if offer.accepted_pin is not None},
    )


async def of_server(connection: Connection, ctx: TenantContext, server: str) -> list[Offer]:
    """By name; empty also for a server that does not exist."""
    rows = await connection.execute(
        "SELECT tool, offered AS definition, offered_pin AS pin, accepted_pin, seen_at "
        "FROM mcp_server_tools WHERE tenant_id = %s AND server = %s ORDER BY tool",
        (ctx.tenant_id, server),
    )
    return [Offer(**row) for row in await rows.fetchall()]


async def of_tool(connection: Connection, ctx: TenantContext, server: str, tool: str) -> Offer | None:
    rows = await connection.execute(
        "SELECT tool, offered AS definition, offered_pin AS pin, accepted_pin, seen_at "
        "FROM mcp_server_tools WHERE tenant_id = %s AND server = %s AND tool = %s",
        (ctx.tenant_id, server, tool),
    )
    row = await rows.fetchone()
    return None if row is None else Offer(**row)


async def record(connection: Connection, ctx: TenantContext, server: str, offered: Sequence[Offered]) -> None:
    """All that the server offers now. What was accepted and is gone is kept, to be shown as removed."""
    key = {"tenant_id": ctx.tenant_id, "server": server, "tools": [each.tool for each in offered]}
    await connection.execute(
        "DELETE FROM mcp_server_tools WHERE tenant_id = %(tenant_id)s AND server = %(server)s "
        "AND accepted_pin IS NULL AND tool <> ALL(%(tools)s)",
        key,
    )
    await connection.execute(
        "UPDATE mcp_server_tools SET offered = NULL, offered_pin = NULL "
        "WHERE tenant_id = %(tenant_id)s AND server = %(server)s AND tool <> ALL(%(tools)s)",
        key,
    )
    await connection.execute(
        "INSERT INTO mcp_server_tools (tenant_id, server, tool, offered, offered_pin) "
        "SELECT %(tenant_id)s, %(server)s, * "
        "FROM unnest(%(tools)s::text[], %(definitions)s::jsonb[], %(pins)s::bytea[]) "
        "ON CONFLICT (tenant_id, server, tool) DO UPDATE "
        "SET offered = excluded.offered, offered_pin = excluded.offered_pin, seen_at = now()",
        {
            **key,
            "definitions": [Jsonb(each.definition) for each in offered],
            "pins": [each.pin for each in offered],
        },
    )


async def accept(connection: Connection, ctx: TenantContext, server: str, pins: Mapping[str, bytes]) -> None:
    """From tools' names to the pins that the admin was shown.

    Raises `Conflict`, which changes nothing, when one of them is no longer what the server offers.
    """
    accepted = await connection.execute(
        "UPDATE mcp_server_tools t SET accepted_pin = t.offered_pin "
        "FROM unnest(%(tools)s::text[], %(pins)s::bytea[]) AS shown (tool, pin) "
        "WHERE t.tenant_id = %(tenant_id)s AND t.server = %(server)s "
        "AND t.tool = shown.tool AND t.offered_pin = shown.pin",
        {"tenant_id": ctx.tenant_id, "server": server, "tools": list(pins), "pins": list(pins.values())},
    )
    if accepted.rowcount < len(pins):
        raise Conflict(
            "The server has changed a tool since it was shown; look at its tools again, then accept them.",
            code="offer_changed",
        )


async def withdraw(connection: Connection, ctx: TenantContext, server: str, tools: Collection[str]) -> None:
    """Takes back that they were accepted, and forgets those that the server no longer offers."""
    key = {"tenant_id": ctx.tenant_id, "server": server, "tools": list(tools)}
    await connection.execute(
        "DELETE FROM mcp_server_tools WHERE tenant_id = %(tenant_id)s AND server = %(server)s "
        "AND tool = ANY(%(tools)s) AND offered_pin IS NULL",
        key,
    )
    await connection.execute(
        "UPDATE mcp_server_tools SET accepted_pin = NULL WHERE tenant_id = %(tenant_id)s AND server = %(server)s "
        "AND tool = ANY(%(tools)s)",
        key,
    )

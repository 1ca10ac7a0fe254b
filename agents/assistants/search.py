"""Which assistants a tenant has: filtered, sorted, a page at a time."""

from dataclasses import dataclass, field
from typing import Any, Literal, LiteralString

from psycopg.types.json import Jsonb

from agents.assistants import defaults as default_assistants
from agents.assistants.assistants import COLUMNS, Assistant
from core.db import Connection
from core.tenancy import TenantContext
from graphs.catalog.catalog import Catalog

SortBy = Literal["assistant_id", "created_at", "updated_at", "name", "graph_id"]
SortOrder = Literal["asc", "desc"]

_SORTED_BY: dict[SortBy, LiteralString] = {
    "assistant_id": "assistant_id",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "name": "lower(name)",
    "graph_id": "lower(graph_id)",
}
_MATCHING: LiteralString = (
    "tenant_id = %(tenant_id)s AND graph_id = ANY(%(graph_ids)s) AND metadata @> %(metadata)s "
    "AND (%(name)s::text IS NULL OR position(lower(%(name)s) IN lower(name)) > 0)"
)


@dataclass(frozen=True, slots=True)
class Filter:
    """`name` is a part of it, in any case; `metadata` is contained in the assistant's."""

    graph_id: str | None = None
    name: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


async def search(
    connection: Connection,
    ctx: TenantContext,
    catalog: Catalog,
    wanted: Filter,
    *,
    limit: int = 10,
    offset: int = 0,
    sort_by: SortBy = "created_at",
    sort_order: SortOrder = "desc",
) -> list[Assistant]:
    """Default assistants are among them. Raises `NotFound` for a graph that is not served."""
    order: LiteralString = "ASC" if sort_order == "asc" else "DESC"
    parameters = await _parameters(connection, ctx, catalog, wanted)
    rows = await connection.execute(
        f"SELECT {COLUMNS} FROM assistants WHERE {_MATCHING} "
        f"ORDER BY {_SORTED_BY[sort_by]} {order}, assistant_id {order} LIMIT %(limit)s OFFSET %(offset)s",
        {**parameters, "limit": limit, "offset": offset},
    )
    return [Assistant(**row) for row in await rows.fetchall()]


async def count(connection: Connection, ctx: TenantContext, catalog: Catalog, wanted: Filter) -> int:
    """Raises `NotFound` for a graph that is not served."""
    parameters = await _parameters(connection, ctx, catalog, wanted)
    rows = await connection.execute(f"SELECT count(*) AS n FROM assistants WHERE {_MATCHING}", parameters)
    row = await rows.fetchone()
    assert row is not None, "a count is always a row"
    return int(row["n"])


async def _parameters(connection: Connection, ctx: TenantContext, catalog: Catalog, wanted: Filter) -> dict[str, Any]:
    graph_ids = list(catalog.graph_ids) if wanted.graph_id is None else [catalog.require(wanted.graph_id)]
    await default_assistants.seed(connection, ctx, catalog)
    return {
        "tenant_id": ctx.tenant_id,
        "graph_ids": graph_ids,
        "name": wanted.name,
        "metadata": Jsonb(wanted.metadata),
    }

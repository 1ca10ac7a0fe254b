"""Which crons a caller reaches: filtered, sorted, a page at a time."""

from dataclasses import dataclass, field
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from agents.crons.crons import COLUMNS, Cron, from_row
from agents.ownership import REACHED, reach
from core.db import Connection
from core.tenancy import TenantContext

SortBy = Literal["cron_id", "assistant_id", "thread_id", "next_run_date", "end_time", "created_at", "updated_at"]
SortOrder = Literal["asc", "desc"]

_SORTED_BY: dict[SortBy, LiteralString] = {
    "cron_id": "cron_id",
    "assistant_id": "assistant_id",
    "thread_id": "thread_id",
    "next_run_date": "next_run_date",
    "end_time": "end_time",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
_MATCHING: LiteralString = (
    f"{REACHED} AND metadata @> %(metadata)s "
    "AND (%(assistant_id)s::uuid IS NULL OR assistant_id = %(assistant_id)s) "
    "AND (%(thread_id)s::uuid IS NULL OR thread_id = %(thread_id)s) "
    "AND (%(enabled)s::boolean IS NULL OR enabled = %(enabled)s)"
)


@dataclass(frozen=True, slots=True)
class Filter:
    """`metadata` is contained in the cron's; None asks for nothing."""

    assistant_id: UUID | None = None
    thread_id: UUID | None = None
    enabled: bool | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


async def search(
    connection: Connection,
    ctx: TenantContext,
    wanted: Filter,
    *,
    limit: int = 10,
    offset: int = 0,
    sort_by: SortBy = "created_at",
    sort_order: SortOrder = "desc",
) -> list[Cron]:
    order: LiteralString = "ASC" if sort_order == "asc" else "DESC"
    rows = await connection.execute(
        f"SELECT {COLUMNS} FROM crons WHERE {_MATCHING} "
        f"ORDER BY {_SORTED_BY[sort_by]} {order}, cron_id {order} LIMIT %(limit)s OFFSET %(offset)s",
        {**_parameters(ctx, wanted), "limit": limit, "offset": offset},
    )
    return [from_row(row) for row in await rows.fetchall()]


async def count(connection: Connection, ctx: TenantContext, wanted: Filter) -> int:
    rows = await connection.execute(f"SELECT count(*) AS n FROM crons WHERE {_MATCHING}", _parameters(ctx, wanted))
    row = await rows.fetchone()
    assert row is not None, "a count is always a row"
    return int(row["n"])


def _parameters(ctx: TenantContext, wanted: Filter) -> dict[str, Any]:
    return {
        **reach(ctx, by_role=True),
        "assistant_id": wanted.assistant_id,
        "thread_id": wanted.thread_id,
        "enabled": wanted.enabled,
        "metadata": Jsonb(wanted.metadata),
    }

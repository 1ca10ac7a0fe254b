"""Finding threads: by their labels, their newest state, their status."""

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal, LiteralString, get_args
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from agents.ownership import REACHED, reach
from agents.threads.threads import Status
from core.db import Connection
from core.errors import Invalid
from core.tenancy import TenantContext

Field = Literal[
    "thread_id",
    "created_at",
    "updated_at",
    "state_updated_at",
    "metadata",
    "config",
    "status",
    "values",
    "interrupts",
    "error",
]
SortBy = Literal["thread_id", "status", "created_at", "updated_at", "state_updated_at"]

FIELDS: Final[tuple[Field, ...]] = get_args(Field)


@dataclass(frozen=True, slots=True)
class Wanted:
    """`metadata` and `values` must be contained in a thread's own, as in JSONB's `@>`."""

    ids: tuple[UUID, ...] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    status: Status | None = None


_MATCHING: LiteralString = (
    f"FROM threads WHERE {REACHED} AND (%(ids)s::uuid[] IS NULL OR thread_id = ANY(%(ids)s)) "
    "AND (%(metadata)s::jsonb IS NULL OR metadata @> %(metadata)s) "
    "AND (%(values)s::jsonb IS NULL OR values @> %(values)s) "
    "AND (%(status)s::text IS NULL OR status = %(status)s) "
    # Past their time they only wait for the sweep, but for those that it would keep.
    "AND (expires_at IS NULL OR expires_at > now() OR ttl->>'strategy' = 'keep_latest')"
)


async def search(
    connection: Connection,
    ctx: TenantContext,
    wanted: Wanted,
    *,
    limit: int = 10,
    offset: int = 0,
    sort_by: SortBy = "updated_at",
    ascending: bool = False,
    select: tuple[Field, ...] = FIELDS,
    extract: dict[str, str] | None = None,
) -> tuple[list[dict[str, Any]], bool]:
    """The selected fields of one page of threads, and whether there is another.

    `extract` maps names to paths such as `values.messages[-1].content`, whose values come as `extracted`.
    """
    paths = {name: _path(path) for name, path in (extract or {}).items()}
    columns: list[sql.Composable] = [sql.Identifier(column) for column in select]
    if paths:
        columns.append(sql.SQL("jsonb_build_object({}) AS extracted").format(_pairs(paths)))
    query = sql.SQL("SELECT {columns} {matching} ORDER BY {order}, thread_id LIMIT %(limit)s OFFSET %(offset)s")
    rows = await connection.execute(
        query.format(
            columns=sql.SQL(", ").join(columns),
            matching=sql.SQL(_MATCHING),
            order=sql.Identifier(sort_by) + sql.SQL(" ASC" if ascending else " DESC"),
        ),
        {**_parameters(ctx, wanted), "limit": limit + 1, "offset": offset},
    )
    found = await rows.fetchall()
    return found[:limit], len(found) > limit


async def count(connection: Connection, ctx: TenantContext, wanted: Wanted) -> int:
    rows = await connection.execute(f"SELECT count(*) AS threads {_MATCHING}", _parameters(ctx, wanted))
    row = await rows.fetchone()
    assert row is not None, "a count has a row"
    return int(row["threads"])


def _parameters(ctx: TenantContext, wanted: Wanted) -> dict[str, Any]:
    return {
        **reach(ctx, by_role=True),
        "ids": None if wanted.ids is None else list(wanted.ids),
        "metadata": Jsonb(wanted.metadata) if wanted.metadata else None,
        "values": Jsonb(wanted.values) if wanted.values else None,
        "status": wanted.status,
    }


_PATH = re.compile(r"(values|metadata|config|interrupts)((?:\.[^.\[\]]+|\[-?\d{1,9}\])*)")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(-?\d+)\]")


def _path(path: str) -> tuple[str, list[str]]:
    """The column, and the steps from there. Raises `Invalid`."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Invalid(
            "A path of `extract` begins with values, metadata, config or interrupts, "
            "and goes on like values.messages[-1].content."
        )
    return found[1], [key or index for key, index in _STEP.findall(found[2])]


def _pairs(paths: dict[str, tuple[str, list[str]]]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{}::text, {} #> {}::text[]").format(sql.Literal(name), sql.Identifier(column), sql.Literal(steps))
        for name, (column, steps) in paths.items()
    )

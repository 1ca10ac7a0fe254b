"""Items under a namespace: the latest first, or the nearest in meaning to a query."""

from typing import Any, LiteralString

from langgraph.store.base import ListNamespacesOp, SearchItem, SearchOp
from pgvector.psycopg import HalfVector
from psycopg.rows import DictRow

from core.db import Connection
from core.errors import Invalid
from core.tenancy import TenantContext
from graphs.store import bounds, filters
from graphs.store.items import ALIVE, OWN, Found, owner

_UNDER_PREFIX: LiteralString = "namespace[1:cardinality(%(prefix)s::text[])] = %(prefix)s::text[]"

_ORDER: LiteralString = "ORDER BY score DESC, updated_at DESC, namespace, key"
_PAGE: LiteralString = "LIMIT %(limit)s OFFSET %(offset)s"


def _weighed(page: LiteralString) -> LiteralString:
    """The values of a page that is too heavy stay in the database."""
    return f"""
        SELECT namespace, key, created_at, updated_at, ttl_minutes, score,
               CASE WHEN sum(octet_length(value::text)) OVER () <= %(max_bytes)s THEN value END AS value
        FROM ({page}) AS page {_ORDER}
    """


_LATEST = _weighed(f"""
    SELECT namespace, key, value, created_at, updated_at, ttl_minutes, NULL::float8 AS score
    FROM store_items
    WHERE {OWN} AND {_UNDER_PREFIX} AND {ALIVE} AND {filters.MATCHES}
    {_ORDER} {_PAGE}
""")

# Exact: every vector of one member is compared, and an item is as near as its nearest field.
_NEAREST = _weighed(f"""
    SELECT namespace, key, value, created_at, updated_at, ttl_minutes, score
    FROM store_items JOIN (
        SELECT namespace, key, 1 - min(embedding <=> %(embedding)s) AS score
        FROM store_vectors WHERE {OWN} AND {_UNDER_PREFIX}
        GROUP BY namespace, key
    ) AS scored USING (namespace, key)
    WHERE {OWN} AND {ALIVE} AND {filters.MATCHES}
    {_ORDER} {_PAGE}
""")

_NAMESPACES: LiteralString = f"""
SELECT DISTINCT namespace[1:coalesce(%(max_depth)s::int, cardinality(namespace))] COLLATE "C" AS namespace
FROM store_items
WHERE {OWN} AND {ALIVE} AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset(%(patterns)s::jsonb) AS pattern (match_type text, path text[])
    WHERE cardinality(path) > cardinality(namespace) OR EXISTS (
        SELECT FROM unnest(path) WITH ORDINALITY AS wanted (label, place)
        WHERE label <> '*' AND label <> namespace[
            place::int + CASE match_type WHEN 'suffix' THEN cardinality(namespace) - cardinality(path) ELSE 0 END
        ]
    )
)
ORDER BY namespace {_PAGE}
"""


async def find(
    connection: Connection, ctx: TenantContext, op: SearchOp, embedding: list[float] | None
) -> Found[list[SearchItem]]:
    """With the `embedding` of its query, by cosine; only items that were put with an index are compared.

    Raises `Invalid` when the values of the page have more than `MAX_FOUND_BYTES`.
    """
    parameters: dict[str, Any] = {
        **owner(ctx),
        "prefix": list(op.namespace_prefix),
        "conditions": filters.conditions(op.filter),
        "limit": op.limit,
        "offset": op.offset,
        "max_bytes": bounds.MAX_FOUND_BYTES,
    }
    if embedding is not None:
        parameters["embedding"] = HalfVector(embedding)
        # The planner takes a prefix for rare, and would compare every item with every vector.
        await connection.execute("SET LOCAL enable_nestloop = off")
    cursor = await connection.execute(_LATEST if embedding is None else _NEAREST, parameters)
    rows = await cursor.fetchall()
    if any(row["value"] is None for row in rows):
        raise Invalid("The items found are too large to be sent together; ask for fewer with `limit`.")
    expiring = tuple((tuple(row["namespace"]), row["key"]) for row in rows if row["ttl_minutes"] is not None)
    return Found([_item(row) for row in rows], expiring)


async def list_namespaces(connection: Connection, ctx: TenantContext, op: ListNamespacesOp) -> list[tuple[str, ...]]:
    """In the order of their labels; `*` in a pattern is any one label."""
    patterns = [condition._asdict() for condition in op.match_conditions or ()]
    cursor = await connection.execute(
        _NAMESPACES,
        {
            **owner(ctx),
            "patterns": bounds.json_text(patterns),
            "max_depth": op.max_depth,
            "limit": op.limit,
            "offset": op.offset,
        },
    )
    return [tuple(row["namespace"]) for row in await cursor.fetchall()]


def _item(row: DictRow) -> SearchItem:
    return SearchItem(
        namespace=tuple(row["namespace"]),
        key=row["key"],
        value=row["value"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        score=row["score"],
    )

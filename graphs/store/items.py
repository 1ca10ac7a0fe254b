"""Items by their key: read, written with their vectors, deleted, expired. All in the caller's tenant transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, LiteralString, TypeVar

from langgraph.store.base import Item
from pgvector.psycopg import HalfVector

from core.db import Connection
from core.tenancy import TenantContext

T = TypeVar("T")
Address = tuple[tuple[str, ...], str]  # a namespace and a key

OWN: LiteralString = "tenant_id = %(tenant_id)s AND user_id = %(user_id)s"
ALIVE: LiteralString = "(expires_at IS NULL OR expires_at > now())"

_THIS: LiteralString = f"{OWN} AND namespace = %(namespace)s::text[] AND key = %(key)s"

_TOUCH: LiteralString = f"""
UPDATE store_items AS item SET expires_at = now() + item.ttl_minutes * interval '1 minute'
FROM (
    SELECT namespace, key
    FROM store_items JOIN jsonb_to_recordset(%(listed)s::jsonb) AS listed (namespace text[], key text)
        USING (namespace, key)
    WHERE {OWN} AND {ALIVE} AND ttl_minutes IS NOT NULL
    FOR UPDATE OF store_items SKIP LOCKED
) AS read
WHERE item.tenant_id = %(tenant_id)s AND item.user_id = %(user_id)s
  AND item.namespace = read.namespace AND item.key = read.key
"""


@dataclass(frozen=True, slots=True)
class Write:
    """`value` is JSON; None deletes. `vectors` has one for each field that is indexed."""

    value: str | None
    ttl_minutes: float | None
    vectors: Mapping[str, list[float]]


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """`expiring` are those of the items read that have a time to live."""

    result: T
    expiring: tuple[Address, ...] = ()


def owner(ctx: TenantContext) -> dict[str, Any]:
    """The parameters of `OWN`."""
    return {"tenant_id": ctx.tenant_id, "user_id": ctx.user_id}


async def get(connection: Connection, ctx: TenantContext, address: Address) -> Found[Item | None]:
    namespace, key = address
    cursor = await connection.execute(
        f"SELECT value, created_at, updated_at, ttl_minutes FROM store_items WHERE {_THIS} AND {ALIVE}",
        {**owner(ctx), "namespace": list(namespace), "key": key},
    )
    row = await cursor.fetchone()
    if row is None:
        return Found(None)
    expires = row.pop("ttl_minutes") is not None
    return Found(Item(namespace=namespace, key=key, **row), (address,) if expires else ())


async def write(connection: Connection, ctx: TenantContext, writes: Mapping[Address, Write]) -> None:
    """In the order of their keys, so that two writers wait for each other and never in a circle."""
    if not writes:
        return
    async with connection.pipeline():
        for (namespace, key), change in sorted(writes.items(), key=lambda item: item[0]):
            this = {**owner(ctx), "namespace": list(namespace), "key": key}
            if change.value is None:
                await connection.execute(f"DELETE FROM store_items WHERE {_THIS}", this)
            else:
                await _put(connection, this, change)


async def _put(connection: Connection, this: dict[str, Any], change: Write) -> None:
    await connection.execute(
        "INSERT INTO store_items (tenant_id, user_id, namespace, key, value, ttl_minutes, expires_at) "
        "VALUES (%(tenant_id)s, %(user_id)s, %(namespace)s, %(key)s, %(value)s::jsonb, %(ttl)s::float8, "
        "now() + %(ttl)s::float8 * interval '1 minute') "
        "ON CONFLICT (tenant_id, user_id, namespace, key) DO UPDATE SET value = EXCLUDED.value, "
        "ttl_minutes = EXCLUDED.ttl_minutes, expires_at = EXCLUDED.expires_at, updated_at = now(), "
        "created_at = CASE WHEN store_items.expires_at <= now() THEN now() ELSE store_items.created_at END",
        {**this, "value": change.value, "ttl": change.ttl_minutes},
    )
    # All of them: the value before may have had fields that this one lacks.
    await connection.execute(f"DELETE FROM store_vectors WHERE {_THIS}", this)
    for field, vector in change.vectors.items():
        await connection.execute(
            "INSERT INTO store_vectors (tenant_id, user_id, namespace, key, field, embedding) "
            "VALUES (%(tenant_id)s, %(user_id)s, %(namespace)s, %(key)s, %(field)s, %(embedding)s)",
            {**this, "field": field, "embedding": HalfVector(vector)},
        )


async def touch(connection: Connection, ctx: TenantContext, addresses: Sequence[Address]) -> None:
    """Starts their time to live again. It waits for no lock: whoever holds a row is touching or writing it."""
    if addresses:
        listed = json.dumps([{"namespace": namespace, "key": key} for namespace, key in addresses])
        await connection.execute(_TOUCH, {**owner(ctx), "listed": listed})


async def expire_items(connection: Connection) -> int:
    """Deletes what has outlived its time in the tenant of the caller's transaction; returns how many items."""
    cursor = await connection.execute(
        "DELETE FROM store_items WHERE tenant_id = current_setting('app.tenant_id')::uuid AND expires_at <= now()"
    )
    return cursor.rowcount

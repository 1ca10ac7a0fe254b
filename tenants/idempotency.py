"""A request repeated with the same `Idempotency-Key` gets the first one's response and does nothing again.

`claim`, the work and `complete` belong in one transaction: then a key is stored exactly if its work is.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from psycopg.types.json import Jsonb

from core.db import Connection
from core.errors import Conflict, Invalid
from core.tenancy import TenantContext
from tenants import fields

_UNFINISHED = Jsonb(None)


async def once(
    connection: Connection,
    ctx: TenantContext,
    *,
    operation: str,
    key: str | None,
    request_hash: bytes,
    work: Callable[[], Awaitable[dict[str, Any]]],
) -> tuple[dict[str, Any], bool]:
    """What `work` returns, a JSON object, and whether that is an earlier request's. Without a key it always works."""
    if key is None:
        return await work(), False
    found = await claim(connection, ctx, operation=operation, key=key, request_hash=request_hash)
    if found is not None:
        return found, True
    done = await work()
    await complete(connection, ctx, operation=operation, key=key, response=done)
    return done, False


async def claim(
    connection: Connection, ctx: TenantContext, *, operation: str, key: str, request_hash: bytes
) -> dict[str, Any] | None:
    """The stored response if this request was done before; None if it is the caller's to do now.

    Waits while another transaction holds the same key. `request_hash` is a digest of what is asked for;
    raises `Invalid` with the code `idempotency_key_reused` when the key came with another one.
    """
    key = _checked(key)
    await connection.execute(
        "DELETE FROM idempotency_keys"
        " WHERE tenant_id = %s AND user_id = %s AND created_at < now() - interval '1 day'",
        (ctx.tenant_id, ctx.user_id),
    )
    # Another transaction's row of this key makes the INSERT wait until that one commits or rolls back.
    inserted = await connection.execute(
        "INSERT INTO idempotency_keys (tenant_id, user_id, operation, key, request_hash, response)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (ctx.tenant_id, ctx.user_id, operation, key, request_hash, _UNFINISHED),
    )
    if inserted.rowcount:
        return None
    cursor = await connection.execute(
        "SELECT request_hash, response FROM idempotency_keys"
        " WHERE tenant_id = %s AND user_id = %s AND operation = %s AND key = %s",
        (ctx.tenant_id, ctx.user_id, operation, key),
    )
    row = await cursor.fetchone()
    if row is None or row["response"] is None:
        raise Conflict("The first request with this key has not finished.", code="idempotency_key_in_use")
    if row["request_hash"] != request_hash:
        raise Invalid(
            "This Idempotency-Key came with a different request before; use a new one.",
            code="idempotency_key_reused",
        )
    response: dict[str, Any] = row["response"]
    return response


async def complete(
    connection: Connection, ctx: TenantContext, *, operation: str, key: str, response: dict[str, Any]
) -> None:
    """Keeps `response`, a JSON object, for those who repeat the request."""
    await connection.execute(
        "UPDATE idempotency_keys SET response = %s"
        " WHERE tenant_id = %s AND user_id = %s AND operation = %s AND key = %s",
        (Jsonb(response), ctx.tenant_id, ctx.user_id, operation, _checked(key)),
    )


def _checked(key: str) -> str:
    return fields.text(key, field="Idempotency-Key", longest=255)

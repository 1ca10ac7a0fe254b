"""Refresh tokens: each is used once for the next; a second use means theft and ends the whole family."""

from typing import Any, LiteralString
from uuid import UUID, uuid4

from core.crypto import random_token, token_digest
from core.db import Connection, Database
from core.errors import Unauthenticated
from core.tenancy import Role, TenantContext

_LONGEST = 200

# One revoked sibling is enough: a token that was being born while its family was revoked stays dead.
_USE: LiteralString = """
    UPDATE refresh_tokens r SET used_at = now()
    FROM memberships m
    WHERE r.tenant_id = %(tenant_id)s AND r.token_hash = %(token_hash)s
      AND r.used_at IS NULL AND r.expires_at > now()
      AND NOT EXISTS (
          SELECT FROM refresh_tokens f
          WHERE f.tenant_id = r.tenant_id AND f.family_id = r.family_id AND f.revoked_at IS NOT NULL
      )
      AND m.tenant_id = r.tenant_id AND m.user_id = r.user_id
    RETURNING r.family_id, m.role
"""


async def issue(database: Database, ctx: TenantContext, *, lifetime_seconds: int) -> str:
    """The first token of a new family, for a member who has just logged in."""
    async with database.tenant_transaction(ctx) as connection:
        # A day later than needed: while a member of the family lives, its revoked ones must be seen.
        await connection.execute(
            "DELETE FROM refresh_tokens WHERE tenant_id = %s AND user_id = %s"
            " AND expires_at < now() - interval '1 day'",
            (ctx.tenant_id, ctx.user_id),
        )
        return await _insert(connection, ctx, uuid4(), lifetime_seconds)


async def rotate(database: Database, token: str, *, lifetime_seconds: int) -> tuple[TenantContext, str]:
    """The member with their role of today, and the next token. `token` is used up.

    Raises `Unauthenticated` with the code `token_reused` (and revokes the family), `token_expired` or
    `token_invalid`.
    """
    owner, found = await _find(database, token)
    async with database.tenant_transaction(owner) as connection:
        cursor = await connection.execute(_USE, {"tenant_id": owner.tenant_id, "token_hash": found["token_hash"]})
        used = await cursor.fetchone()
        if used is not None:
            ctx = TenantContext(owner.tenant_id, owner.user_id, Role(used["role"]))
            return ctx, await _insert(connection, ctx, used["family_id"], lifetime_seconds)
    raise await _refusal(database, owner, found)


async def revoke(database: Database, token: str) -> None:
    """Logs out: no token of this family can be used again. An unknown token is already out."""
    try:
        owner, found = await _find(database, token)
    except Unauthenticated:
        return
    await _revoke_family(database, owner, found["family_id"])


async def _find(database: Database, token: str) -> tuple[TenantContext, dict[str, Any]]:
    """Whose token it is: only then can their tenant's door be opened."""
    if len(token) > _LONGEST:
        raise _invalid()
    async with database.auth_transaction() as connection:
        cursor = await connection.execute(
            "SELECT tenant_id, user_id, token_hash, family_id FROM refresh_tokens WHERE token_hash = %s",
            (token_digest(token),),
        )
        row = await cursor.fetchone()
    if row is None:
        raise _invalid()
    # The least role until the membership has been read.
    return TenantContext(row["tenant_id"], row["user_id"], Role.VIEWER), row


async def _insert(connection: Connection, ctx: TenantContext, family_id: UUID, lifetime_seconds: int) -> str:
    token = random_token()
    await connection.execute(
        "INSERT INTO refresh_tokens (tenant_id, token_hash, family_id, user_id, expires_at)"
        " VALUES (%s, %s, %s, %s, now() + make_interval(secs => %s))",
        (ctx.tenant_id, token_digest(token), family_id, ctx.user_id, lifetime_seconds),
    )
    return token


async def _refusal(database: Database, owner: TenantContext, found: dict[str, Any]) -> Unauthenticated:
    async with database.tenant_transaction(owner) as connection:
        cursor = await connection.execute(
            "SELECT used_at IS NOT NULL AS used, expires_at <= now() AS expired FROM refresh_tokens"
            " WHERE tenant_id = %s AND token_hash = %s",
            (owner.tenant_id, found["token_hash"]),
        )
        state = await cursor.fetchone()
    if state is not None and state["used"]:
        await _revoke_family(database, owner, found["family_id"])
        return Unauthenticated(
            "This refresh token was used before, so all tokens of this login are revoked; log in again.",
            code="token_reused",
        )
    if state is not None and state["expired"]:
        return Unauthenticated("The refresh token has expired; log in again.", code="token_expired")
    return _invalid()


async def _revoke_family(database: Database, owner: TenantContext, family_id: UUID) -> None:
    async with database.tenant_transaction(owner) as connection:
        await connection.execute(
            "UPDATE refresh_tokens SET revoked_at = now()"
            " WHERE tenant_id = %s AND family_id = %s AND revoked_at IS NULL",
            (owner.tenant_id, family_id),
        )


def _invalid() -> Unauthenticated:
    return Unauthenticated("The refresh token is not valid; log in again.", code="token_invalid")

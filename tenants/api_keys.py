"""API keys: a secret shown once, stored as its digest, that acts as the member who made it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from core.crypto import random_token, token_digest
from core.db import Database
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from core.tenancy import Role, TenantContext
from tenants import fields
from tenants.permissions import lesser_role

MOST_PER_TENANT = 100

_SECRET_PREFIX = "atr_"  # noqa: S105
_SECRET_LENGTH = len(_SECRET_PREFIX) + 43
_PREFIX_LENGTH = len(_SECRET_PREFIX) + 6


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`prefix` is the start of the secret, enough to recognise it and no more."""

    api_key_id: UUID
    user_id: UUID
    name: str
    prefix: str
    role: Role
    expires_at: datetime | None
    created_at: datetime


async def create(
    database: Database,
    ctx: TenantContext,
    *,
    name: str,
    role: Role | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """The key and its secret, which no one can read again. `role` defaults to the caller's.

    Raises `Invalid`, `Forbidden` for a role above the caller's, `Conflict` when the tenant has enough keys.
    """
    name = fields.text(name, field="name", longest=200)
    role = role or ctx.role
    if lesser_role(role, ctx.role) != role:
        raise Forbidden(f"Your role is {ctx.role}; a key of yours cannot be {role}.")
    if expires_at is not None and not _is_ahead(expires_at):
        raise Invalid("`expires_at` must be a time in the future, with its time zone.")
    secret = _SECRET_PREFIX + random_token()
    async with database.tenant_transaction(ctx) as connection:
        cursor = await connection.execute(
            "INSERT INTO api_keys (tenant_id, api_key_id, user_id, name, prefix, key_hash, role, expires_at)"
            " SELECT %s, %s, %s, %s, %s, %s, %s, %s"
            " WHERE (SELECT count(*) FROM api_keys WHERE tenant_id = %s) < %s RETURNING *",
            (ctx.tenant_id, uuid4(), ctx.user_id, name, secret[:_PREFIX_LENGTH], token_digest(secret), role,
             expires_at, ctx.tenant_id, MOST_PER_TENANT),
        )  # fmt: skip
        row = await cursor.fetchone()
    if row is None:
        raise Conflict(f"A tenant has at most {MOST_PER_TENANT} keys; delete one first.", code="too_many_api_keys")
    return _api_key(row), secret


async def list_all(database: Database, ctx: TenantContext) -> list[ApiKey]:
    """All of the tenant's keys, the newest first; never a secret."""
    async with database.tenant_transaction(ctx) as connection:
        cursor = await connection.execute(
            "SELECT * FROM api_keys WHERE tenant_id = %s ORDER BY created_at DESC, api_key_id",
            (ctx.tenant_id,),
        )
        return [_api_key(row) for row in await cursor.fetchall()]


async def delete(database: Database, ctx: TenantContext, api_key_id: UUID) -> None:
    """The key stops working at once. Raises `NotFound`."""
    async with database.tenant_transaction(ctx) as connection:
        cursor = await connection.execute(
            "DELETE FROM api_keys WHERE tenant_id = %s AND api_key_id = %s", (ctx.tenant_id, api_key_id)
        )
    if cursor.rowcount == 0:
        raise NotFound("API key")


def looks_like_one(token: str) -> bool:
    """Whether what came as a bearer token is meant as a key: no access token begins like one."""
    return token.startswith(_SECRET_PREFIX)


async def authenticate(database: Database, secret: str) -> TenantContext:
    """The member who made the key, in the key's role or their own of today, whichever is less.

    Raises `Unauthenticated` with the code `api_key_expired` or `api_key_invalid`.
    """
    if len(secret) != _SECRET_LENGTH:
        raise _invalid()
    async with database.auth_transaction() as connection:
        cursor = await connection.execute(
            "SELECT k.tenant_id, k.user_id, k.role, k.expires_at <= now() AS expired, m.role AS member_role"
            " FROM api_keys k JOIN memberships m USING (tenant_id, user_id) WHERE k.key_hash = %s",
            (token_digest(secret),),
        )
        row = await cursor.fetchone()
    if row is None:
        raise _invalid()
    if row["expired"]:
        raise Unauthenticated("The API key has expired; make a new one.", code="api_key_expired")
    role = lesser_role(Role(row["role"]), Role(row["member_role"]))
    return TenantContext(row["tenant_id"], row["user_id"], role)


def _api_key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(
        api_key_id=row["api_key_id"],
        user_id=row["user_id"],
        name=row["name"],
        prefix=row["prefix"],
        role=Role(row["role"]),
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )


def _is_ahead(time: datetime) -> bool:
    try:
        return time.tzinfo is not None and datetime.now(UTC) < time.astimezone(UTC)
    except OverflowError:  # the last hours of the year 9999, west of Greenwich
        return False


def _invalid() -> Unauthenticated:
    return Unauthenticated("The API key is not valid, or was deleted; make a new one.", code="api_key_invalid")

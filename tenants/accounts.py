"""Signing up, signing in, and who one is."""

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid4

from psycopg import errors

from core.crypto import hash_password, verify_password
from core.db import Connection, Database
from core.errors import Conflict, NotFound, Unauthenticated
from core.tenancy import Role, TenantContext
from tenants import fields, slugs
from tenants.permissions import Permission, permissions_of

_MEMBERS: LiteralString = (
    "SELECT u.user_id, u.email, u.name, u.password_hash, m.role,"
    " t.tenant_id, t.name AS tenant_name, t.slug AS tenant_slug"
    " FROM users u LEFT JOIN (memberships m JOIN tenants t USING (tenant_id)) USING (user_id)"
)


@dataclass(frozen=True, slots=True)
class Member:
    """A user in one tenant, with the role they act in."""

    user_id: UUID
    email: str
    name: str
    tenant_id: UUID
    tenant_name: str
    tenant_slug: str
    role: Role

    @property
    def ctx(self) -> TenantContext:
        return TenantContext(self.tenant_id, self.user_id, self.role)

    @property
    def permissions(self) -> frozenset[Permission]:
        return permissions_of(self.role)


async def register(database: Database, *, tenant_name: str, email: str, password: str, name: str) -> Member:
    """A new tenant and its owner. Raises `Invalid`, or `Conflict` with the code `email_taken`."""
    tenant_name = fields.text(tenant_name, field="tenant_name", longest=200)
    email = fields.email_address(email)
    name = fields.text(name, field="name", longest=200)
    password_hash = await hash_password(fields.new_password(password))
    ctx = TenantContext(uuid4(), uuid4(), Role.OWNER)
    async with database.tenant_transaction(ctx) as connection:
        await _insert_user(connection, ctx.user_id, email, name, password_hash)
        slug = await _insert_tenant(connection, ctx.tenant_id, tenant_name)
        await connection.execute(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES (%s, %s, %s)",
            (ctx.tenant_id, ctx.user_id, ctx.role),
        )
    return Member(ctx.user_id, email, name, ctx.tenant_id, tenant_name, slug, ctx.role)


async def login(database: Database, email: str, password: str, tenant: str | None = None) -> Member:
    """Proves an e-mail address and a password; `tenant` is a slug, needed by a member of several.

    Raises `Unauthenticated` without saying which part is wrong, and after the same work whichever it is.
    Raises `Conflict` with the code `tenant_required` that lists the slugs, once the password is proven.
    """
    email, password = fields.email_address(email), fields.password(password)
    async with database.auth_transaction() as connection:
        cursor = await connection.execute(_MEMBERS + " WHERE lower(u.email) = lower(%s) ORDER BY slug", (email,))
        rows = await cursor.fetchall()
    proven = await verify_password(password, rows[0]["password_hash"] if rows else None)
    members = [_member(row) for row in rows if proven and row["tenant_id"] is not None]
    if tenant is None and len(members) > 1:
        names = ", ".join(member.tenant_slug for member in members)
        raise Conflict(f"You belong to several tenants; set `tenant` to one of {names}.", code="tenant_required")
    for member in members:
        if tenant in (None, member.tenant_slug):
            return member
    raise Unauthenticated("The e-mail address, the password or the tenant is wrong.", code="login_failed")


async def me(database: Database, ctx: TenantContext) -> Member:
    """The member behind `ctx`, in the role that `ctx` gives: an API key's may be less than the member's."""
    async with database.auth_transaction() as connection:
        cursor = await connection.execute(
            _MEMBERS + " WHERE u.user_id = %s AND t.tenant_id = %s", (ctx.user_id, ctx.tenant_id)
        )
        row = await cursor.fetchone()
    if row is None:
        raise Unauthenticated("You are no longer a member of this tenant.", code="not_a_member")
    return _member(row | {"role": ctx.role})


async def role_of(connection: Connection, ctx: TenantContext, user_id: UUID) -> Role:
    """Of a member of the caller's tenant. Raises `NotFound`."""
    rows = await connection.execute(
        "SELECT role FROM memberships WHERE tenant_id = %s AND user_id = %s", (ctx.tenant_id, user_id)
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("member")
    return Role(row["role"])


async def owner_of(database: Database, slug: str) -> Member | None:
    """The tenant's first owner; None when there is no such tenant."""
    async with database.auth_transaction() as connection:
        cursor = await connection.execute(
            _MEMBERS + " WHERE t.slug = %s AND m.role = 'owner' ORDER BY m.created_at, u.user_id LIMIT 1", (slug,)
        )
        row = await cursor.fetchone()
    return None if row is None else _member(row)


async def _insert_user(connection: Connection, user_id: UUID, email: str, name: str, password_hash: str) -> None:
    try:
        await connection.execute(
            "INSERT INTO users (user_id, email, name, password_hash) VALUES (%s, %s, %s, %s)",
            (user_id, email, name, password_hash),
        )
    except errors.UniqueViolation as exc:
        raise Conflict("This e-mail address is taken; log in instead.", code="email_taken") from exc


async def _insert_tenant(connection: Connection, tenant_id: UUID, name: str) -> str:
    for slug in slugs.candidates(name):
        cursor = await connection.execute(
            "INSERT INTO tenants (tenant_id, name, slug) VALUES (%s, %s, %s) ON CONFLICT (slug) DO NOTHING",
            (tenant_id, name, slug),
        )
        if cursor.rowcount:
            return slug
    raise AssertionError("candidates never end")


def _member(row: dict[str, Any]) -> Member:
    return Member(
        user_id=row["user_id"],
        email=row["email"],
        name=row["name"],
        tenant_id=row["tenant_id"],
        tenant_name=row["tenant_name"],
        tenant_slug=row["tenant_slug"],
        role=Role(row["role"]),
    )

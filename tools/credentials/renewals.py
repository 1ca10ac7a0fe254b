"""Which process asks a token server: one at a time for each token, by a lease, so that none holds a connection."""

from uuid import UUID, uuid4

from core.db import Connection
from core.tenancy import TenantContext
from tenants.vault import TENANTS_OWN


async def lease(
    connection: Connection, ctx: TenantContext, owner: str, scheme: str, user_id: UUID | None, *, seconds: float
) -> UUID | None:
    """None while somebody else has it."""
    leased = await connection.execute(
        "INSERT INTO oauth_renewals AS r (tenant_id, owner, scheme, user_id, lease, leased_until)"
        " VALUES (%s, %s, %s, %s, %s, now() + make_interval(secs => %s))"
        " ON CONFLICT (tenant_id, owner, scheme, user_id)"
        " DO UPDATE SET lease = excluded.lease, leased_until = excluded.leased_until WHERE r.leased_until < now()"
        " RETURNING lease",
        (ctx.tenant_id, owner, scheme, user_id or TENANTS_OWN, uuid4(), seconds),
    )
    row = await leased.fetchone()
    return row["lease"] if row else None


async def release(connection: Connection, ctx: TenantContext, lease: UUID) -> bool:
    """Whether it was still held: if not, somebody else may have renewed in the meantime."""
    released = await connection.execute(
        "DELETE FROM oauth_renewals WHERE tenant_id = %s AND lease = %s", (ctx.tenant_id, lease)
    )
    return released.rowcount > 0


async def cancel(connection: Connection, ctx: TenantContext, owner: str, scheme: str, user_id: UUID | None) -> None:
    """What is being renewed is not kept."""
    await connection.execute(
        "DELETE FROM oauth_renewals WHERE tenant_id = %s AND owner = %s AND scheme = %s AND user_id = %s",
        (ctx.tenant_id, owner, scheme, user_id or TENANTS_OWN),
    )

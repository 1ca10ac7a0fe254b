"""One writer for each tenant's registry: what is looked up before something is stored still holds when it is."""

from core.db import Connection
from core.tenancy import TenantContext


async def be_the_only_one(connection: Connection, ctx: TenantContext) -> None:
    """Until the transaction ends nobody else changes the tenant's tools, or what hangs on their names."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"tools of {ctx.tenant_id}",))

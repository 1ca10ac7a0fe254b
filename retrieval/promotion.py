"""A tenant that outgrows the shared slot gets one of its own, with a vector index that nobody else is in."""

import logging

from core.db import Database
from core.tenancy import TenantContext
from retrieval import chunks

log = logging.getLogger(__name__)

# Measured: an exact scan of 10,000 chunks takes 12 ms and grows with them, two indexes take 5 to 10 ms at any size.
THRESHOLD = 10_000


async def promote_if_outgrown(database: Database, ctx: TenantContext, threshold: int = THRESHOLD) -> bool:
    """Moves the tenant if it has at least `threshold` chunks; False if not, or if no slot is free.

    One transaction: a search sees all chunks before it or all after it.
    """
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            "SELECT 1 FROM tenants JOIN chunk_statistics USING (tenant_id) "
            "WHERE tenant_id = %s AND chunk_slot = 0 AND chunks >= %s",
            (ctx.tenant_id, threshold),
        )
        if await rows.fetchone() is None or await chunks.lock(connection, ctx) != 0:
            return False
        rows = await connection.execute(
            "DELETE FROM free_chunk_slots WHERE slot = "
            "(SELECT slot FROM free_chunk_slots ORDER BY slot LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING slot"
        )
        taken = await rows.fetchone()
        if taken is None:
            log.warning("no slot is free: this tenant is searched slowly", extra={"tenant_id": ctx.tenant_id})
            return False
        # Vectors go into their index one by one: minutes for a large tenant.
        await connection.execute(
            "SELECT set_config('statement_timeout', '15min', true), "
            "set_config('idle_in_transaction_session_timeout', '60s', true)"
        )
        await connection.execute(
            "UPDATE chunks SET slot = %s WHERE tenant_id = %s AND slot = 0", (taken["slot"], ctx.tenant_id)
        )
        await chunks.add_postings(connection, ctx, taken["slot"])
        await connection.execute(
            "UPDATE tenants SET chunk_slot = %s WHERE tenant_id = %s", (taken["slot"], ctx.tenant_id)
        )
    return True

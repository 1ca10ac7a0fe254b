"""What was used, by whom, on which model."""

from typing import Literal
from uuid import UUID

from core.db import Connection
from core.tenancy import TenantContext


async def record(
    connection: Connection,
    ctx: TenantContext,
    *,
    run_id: UUID | None,
    kind: Literal["chat", "embedding"],
    model: str,
    input_tokens: int,
    output_tokens: int,
) -> None:
    """Commits with the caller's transaction: what was paid for and what was done are never apart."""
    await connection.execute(
        "INSERT INTO usage_records (tenant_id, user_id, run_id, kind, model, input_tokens, output_tokens)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (ctx.tenant_id, ctx.user_id, run_id, kind, model, input_tokens, output_tokens),
    )


async def of_run(connection: Connection, ctx: TenantContext, run_id: UUID) -> tuple[int, int]:
    """Tokens read and written by all models that the run called."""
    rows = await connection.execute(
        "SELECT coalesce(sum(input_tokens), 0)::bigint AS read, coalesce(sum(output_tokens), 0)::bigint AS written"
        " FROM usage_records WHERE tenant_id = %s AND run_id = %s",
        (ctx.tenant_id, run_id),
    )
    row = await rows.fetchone()
    assert row is not None, "a sum is always a row"
    return row["read"], row["written"]

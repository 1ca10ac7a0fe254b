"""Runs that have ended, as rows: what webhooks tell of."""

from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from agents.webhooks import webhooks
from core.db import Database
from core.tenancy import TenantContext


async def finish_run(
    database: Database,
    ctx: TenantContext,
    webhook: str | None,
    *,
    values: dict[str, Any] | None = None,
    error: tuple[str, str] | None = None,
) -> UUID:
    """In one transaction, as an executor does: the rows, and then the webhook."""
    thread_id, run_id = uuid4(), uuid4()
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO threads (tenant_id, thread_id, user_id, values) VALUES (%s, %s, %s, %s)",
            (ctx.tenant_id, thread_id, ctx.user_id, Jsonb(values or {})),
        )
        await connection.execute(
            "INSERT INTO runs (tenant_id, run_id, thread_id, user_id, assistant_id, graph_id, status, "
            "multitask_strategy, request, metadata, error_code, error_detail, ended_at) "
            "VALUES (%s, %s, %s, %s, %s, 'agent', %s, 'enqueue', %s, %s, %s, %s, now())",
            (
                ctx.tenant_id, run_id, thread_id, ctx.user_id, uuid4(), "error" if error else "success",
                Jsonb({"input": {"q": 1}, "webhook": webhook}), Jsonb({"label": "a"}), *(error or (None, None)),
            ),
        )  # fmt: skip
        await webhooks.defer(connection, ctx, run_id)
    return run_id

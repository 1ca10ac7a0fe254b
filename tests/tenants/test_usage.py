from uuid import uuid4

import pytest

from core.db import Database
from core.tenancy import TenantContext
from tenants import usage


async def total(database: Database, ctx: TenantContext) -> tuple[int, int]:
    async with database.tenant_transaction(ctx) as connection:
        row = await (
            await connection.execute(
                "SELECT count(*)::int AS n, coalesce(sum(input_tokens + output_tokens), 0)::int AS tokens"
                " FROM usage_records"
            )
        ).fetchone()
    assert row is not None
    return row["n"], row["tokens"]


async def test_usage_counts_for_its_tenant_only(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    async with database.tenant_transaction(acme) as connection:
        await usage.record(
            connection, acme, run_id=uuid4(), kind="chat", model="m", input_tokens=30, output_tokens=12
        )
        await usage.record(
            connection, acme, run_id=None, kind="embedding", model="e", input_tokens=8, output_tokens=0
        )
    assert await total(database, acme) == (2, 50)
    assert await total(database, globex) == (0, 0)


async def test_usage_of_undone_work_is_undone(database: Database, acme: TenantContext) -> None:
    with pytest.raises(RuntimeError):
        async with database.tenant_transaction(acme) as connection:
            await usage.record(connection, acme, run_id=None, kind="chat", model="m", input_tokens=1, output_tokens=1)
            raise RuntimeError
    assert await total(database, acme) == (0, 0)

"""A pipeline is a transaction of one tenant, whatever becomes of it, and leaves nothing behind on its connection."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from core.db import Database
from core.embedded import EmbeddedServers
from core.errors import Unavailable
from core.tenancy import TenantContext
from tests.until import until


@pytest.fixture
async def database(clone: EmbeddedServers) -> AsyncIterator[Database]:
    """With few enough connections that a spoilt one is used again."""
    async with Database(clone.database_url("atrium_app"), clone.database_url("atrium_auth"), pool_size=2) as opened:
        yield opened


async def name_of(database: Database, ctx: TenantContext) -> str:
    async with database.tenant_pipeline(ctx) as connection:
        rows = await connection.execute("SELECT name FROM tenants")
    return str((await rows.fetchall())[0]["name"])


async def expect_no_tenant(database: Database) -> None:
    """On every connection of the pool."""
    async with database.untenanted_connection() as first, database.untenanted_connection() as second:
        for connection in (first, second):
            assert connection.pgconn.pipeline_status == psycopg.pq.PipelineStatus.OFF
            assert await (await connection.execute("SELECT FROM tenants")).fetchall() == []


async def test_a_tenant_sees_and_writes_its_own_rows_only(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    async with database.tenant_pipeline(acme) as connection:
        ours = await connection.execute("UPDATE tenants SET name = 'mine'")
        theirs = await connection.execute("UPDATE tenants SET name = 'mine' WHERE slug = 'globex'")
    assert (ours.rowcount, theirs.rowcount) == (1, 0)
    assert (await name_of(database, acme), await name_of(database, globex)) == ("mine", "globex")
    await expect_no_tenant(database)


async def test_a_statement_that_fails_undoes_the_others(database: Database, acme: TenantContext) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with database.tenant_pipeline(acme) as connection:
            await connection.execute("UPDATE tenants SET name = 'half'")
            await connection.execute("SELECT 1 / 0")
            await connection.execute("UPDATE tenants SET name = 'whole'")
    assert await name_of(database, acme) == "acme"
    await expect_no_tenant(database)


async def test_an_error_of_the_callers_undoes_what_was_sent(database: Database, acme: TenantContext) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.tenant_pipeline(acme) as connection:
            await connection.execute("UPDATE tenants SET name = 'half'")
            1 / 0  # noqa: B018
    assert await name_of(database, acme) == "acme"
    await expect_no_tenant(database)


async def test_a_caller_that_is_cancelled_leaves_a_clean_connection(
    database: Database, acme: TenantContext, owner_url: str
) -> None:
    async def wait_for_the_lock() -> None:
        async with database.tenant_pipeline(acme) as connection:
            await connection.execute("UPDATE tenants SET name = 'late'")

    with psycopg.connect(owner_url, autocommit=True) as owner, owner.transaction():
        owner.execute("SELECT FROM tenants FOR UPDATE")
        waiting = asyncio.create_task(wait_for_the_lock())

        async def is_waiting() -> bool:
            return owner.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount > 0

        await until(is_waiting)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await name_of(database, acme) == "acme"
    await expect_no_tenant(database)


async def test_connections_that_died_in_the_pool_are_replaced_unseen(
    database: Database, acme: TenantContext, owner_url: str
) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = 'atrium_app'"
        )
    assert await name_of(database, acme) == "acme"


async def test_a_connection_that_dies_in_a_pipeline_is_told_as_unavailable(
    database: Database, acme: TenantContext
) -> None:
    with pytest.raises(Unavailable) as caught:
        async with database.tenant_pipeline(acme) as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert caught.value.code == "database_unavailable"
    assert await name_of(database, acme) == "acme"


async def test_plans_are_kept_for_every_tenant_and_no_others(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    for ctx in (acme, globex, acme):
        async with database.tenant_transaction(ctx, prepared=True) as connection:
            rows = await connection.execute("SELECT slug FROM tenants")
            plans = await connection.execute("SELECT count(*) AS kept FROM pg_prepared_statements")
        slug = "acme" if ctx is acme else "globex"
        assert await rows.fetchall() == [{"slug": slug}]
        kept = await plans.fetchone()
        assert kept is not None and kept["kept"] == 2
        async with database.tenant_transaction(ctx) as connection:
            await connection.execute(b"SELECT 1")

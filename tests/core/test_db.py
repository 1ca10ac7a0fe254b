import asyncio
from contextlib import suppress

import psycopg
import pytest
from psycopg import errors

from core.db import Database
from core.errors import Unavailable
from core.tenancy import TenantContext
from tests.until import until


async def test_connections_that_died_in_the_pool_are_replaced_unseen(
    database: Database, acme: TenantContext, owner_url: str
) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename LIKE 'atrium%'"
        )
    async with database.tenant_transaction(acme) as connection:
        rows = await connection.execute("SELECT slug FROM tenants")
        assert await rows.fetchall() == [{"slug": "acme"}]
    async with database.auth_transaction() as connection:
        await connection.execute("SELECT 1 FROM users")


async def test_a_connection_that_dies_in_a_transaction_is_told_as_unavailable(
    database: Database, acme: TenantContext
) -> None:
    with pytest.raises(Unavailable) as caught:
        async with database.tenant_transaction(acme) as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert caught.value.code == "database_unavailable"


async def test_a_transaction_that_idled_its_connection_away_is_told_as_unavailable(
    database: Database, acme: TenantContext, owner_url: str
) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner, pytest.raises(Unavailable):
        async with database.tenant_transaction(acme) as connection:
            pid = connection.info.backend_pid

            async def is_gone() -> bool:
                return owner.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).rowcount == 0

            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '10ms'")
            await until(is_gone)
            await connection.execute("SELECT 1")


async def test_a_statement_that_took_too_long_is_told_as_unavailable_and_costs_no_connection(
    database: Database, acme: TenantContext
) -> None:
    with pytest.raises(Unavailable):
        async with database.tenant_transaction(acme) as connection:
            await connection.execute("SET LOCAL statement_timeout = '10ms'")
            await connection.execute("SELECT pg_sleep(30)")
    assert not connection.closed


async def test_what_passes_by_itself_is_told_as_unavailable_and_nothing_else_is(
    database: Database, acme: TenantContext
) -> None:
    for passing in (
        psycopg.OperationalError,
        errors.ConnectionFailure,
        errors.AdminShutdown,
        errors.CrashShutdown,
        errors.CannotConnectNow,
        errors.IdleSessionTimeout,
        errors.IdleInTransactionSessionTimeout,
        errors.TooManyConnections,
        errors.DeadlockDetected,
        errors.QueryCanceled,
    ):
        with pytest.raises(Unavailable):
            await _fail(database, acme, passing)
    for lasting in (
        psycopg.DataError,
        errors.PipelineAborted,
        errors.LockNotAvailable,
        errors.SerializationFailure,
        errors.DiskFull,
        errors.OutOfMemory,
        errors.UniqueViolation,
    ):
        with pytest.raises(lasting):
            await _fail(database, acme, lasting)


async def _fail(database: Database, ctx: TenantContext, error: type[psycopg.Error]) -> None:
    async with database.tenant_transaction(ctx):
        raise error("said Postgres")


async def test_without_a_tenant_there_are_no_rows(database: Database, acme: TenantContext) -> None:
    async with database.untenanted_connection() as connection:
        assert await (await connection.execute("SELECT * FROM tenants")).fetchall() == []


async def test_a_tenant_sees_and_writes_its_own_rows_only(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    async with database.tenant_transaction(acme) as connection:
        seen = await (await connection.execute("SELECT tenant_id FROM tenants")).fetchall()
        assert seen == [{"tenant_id": acme.tenant_id}]
        changed = await connection.execute("UPDATE tenants SET name = 'mine' WHERE slug = 'globex'")
        assert changed.rowcount == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.tenant_transaction(acme) as connection:
            await connection.execute(
                "INSERT INTO knowledge_bases (tenant_id, knowledge_base_id, name) "
                "VALUES (%s, gen_random_uuid(), 'theirs')",
                (globex.tenant_id,),
            )


async def test_the_identity_role_reads_identities_and_writes_nothing(database: Database, acme: TenantContext) -> None:
    for forbidden in ("SELECT * FROM documents", "SELECT * FROM chunks", "DELETE FROM users"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with database.auth_transaction() as connection:
                await connection.execute(forbidden)


async def test_the_application_role_reads_no_password_hash(database: Database, acme: TenantContext) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.tenant_transaction(acme) as connection:
            await connection.execute("SELECT password_hash FROM users")


async def test_a_cancellation_that_a_library_swallows_is_heeded_all_the_same(
    database: Database, acme: TenantContext
) -> None:
    async def work() -> None:
        async with database.tenant_transaction(acme) as connection:
            await connection.execute("SELECT 1")
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_before_is_nobody_elses(database: Database, acme: TenantContext) -> None:
    async def work() -> int:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        async with database.tenant_transaction(acme) as connection:
            return (await connection.execute("SELECT 1")).rowcount

    task = asyncio.create_task(work())
    assert await task == 1


async def test_who_waits_for_a_connection_can_always_be_cancelled(database: Database, acme: TenantContext) -> None:
    async def look_on_and_on() -> None:
        while True:
            async with database.tenant_transaction(acme) as connection:
                await connection.execute("SELECT 1")

    # More than there are connections; whoever went on would never end.
    crowd = [asyncio.create_task(look_on_and_on()) for _ in range(8)]
    for _ in range(300):
        leaving = crowd.pop(0)
        crowd.append(asyncio.create_task(look_on_and_on()))
        await asyncio.sleep(0.002)
        leaving.cancel()
        await asyncio.wait_for(asyncio.wait({leaving}), 10)
        assert leaving.cancelled()
    for each in crowd:
        each.cancel()
    await asyncio.wait(crowd)

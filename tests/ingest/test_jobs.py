from uuid import uuid4

from core.db import Database
from core.tenancy import TenantContext
from ingest import jobs


async def waiting(database: Database) -> list[str]:
    """The tenants of the jobs that wait, in the order in which workers take them."""
    async with database.untenanted_connection() as connection:
        rows = await connection.execute(
            "SELECT args->>'tenant_id' AS tenant_id FROM procrastinate_jobs ORDER BY priority DESC, id"
        )
        return [row["tenant_id"] for row in await rows.fetchall()]


async def test_a_tenant_with_many_documents_lets_the_others_have_their_turn(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    for ctx in (acme, acme, acme, globex, globex):
        async with database.tenant_transaction(ctx) as connection:
            await jobs.enqueue(connection, ctx, uuid4(), 1)
    names = {str(acme.tenant_id): "acme", str(globex.tenant_id): "globex"}
    assert [names[tenant] for tenant in await waiting(database)] == ["acme", "globex", "acme", "globex", "acme"]


async def test_a_job_vanishes_with_its_transaction(database: Database, acme: TenantContext) -> None:
    try:
        async with database.tenant_transaction(acme) as connection:
            await jobs.enqueue(connection, acme, uuid4(), 1)
            raise LookupError
    except LookupError:
        pass
    assert await waiting(database) == []

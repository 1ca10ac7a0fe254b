"""What is written is all there is: no duplicates, no leftovers, statistics as if built afresh."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from core.db import Database
from core.errors import OperatorError
from core.tenancy import TenantContext
from retrieval import chunks
from retrieval.promotion import promote_if_outgrown
from tests.factories import add_knowledge_base
from tests.retrieval.conftest import Write

TEXTS = ["Parental leave is 16 weeks.", "Travel by train is preferred.", "The dog's name is Rex, a good dog."]


async def stored(database: Database, ctx: TenantContext, table: str) -> list[dict[str, Any]]:
    columns = {
        "chunks": "document_id, version, ordinal, text",
        "chunk_terms": "term, chunks",
        "chunk_statistics": "chunks",
        "chunk_postings": "term, weight, document_id, version, ordinal",
    }[table]
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(f"SELECT {columns} FROM {table} ORDER BY {columns}".encode())
        return await rows.fetchall()


@pytest.fixture(params=["shared slot", "own slot"])
async def ctx(request: pytest.FixtureRequest, database: Database, acme: TenantContext) -> TenantContext:
    if request.param == "own slot":
        await _promote_empty(database, acme)
    return acme


async def _promote_empty(database: Database, ctx: TenantContext) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await chunks.lock(connection, ctx)
    assert await promote_if_outgrown(database, ctx, threshold=0)


async def test_replacing_twice_leaves_no_duplicate(
    database: Database, ctx: TenantContext, handbook: UUID, write: Write
) -> None:
    document_id = await write(ctx, handbook, TEXTS)
    once = {table: await stored(database, ctx, table) for table in ("chunks", "chunk_terms", "chunk_postings")}
    await write(ctx, handbook, TEXTS, document_id=document_id)
    for table, rows in once.items():
        assert await stored(database, ctx, table) == rows


async def test_new_version_with_fewer_chunks_replaces_all_older_ones(
    database: Database, ctx: TenantContext, handbook: UUID, write: Write
) -> None:
    document_id = await write(ctx, handbook, TEXTS)
    await write(ctx, handbook, TEXTS[:1], document_id=document_id, version=2)
    assert await stored(database, ctx, "chunks") == [
        {"document_id": document_id, "version": 2, "ordinal": 0, "text": TEXTS[0]}
    ]
    assert await stored(database, ctx, "chunk_statistics") == [{"chunks": 1}]


async def test_statistics_after_deletes_equal_those_of_a_fresh_build(
    database: Database, ctx: TenantContext, globex: TenantContext, handbook: UUID, write: Write
) -> None:
    await write(ctx, handbook, TEXTS[:2])
    gone = await write(ctx, handbook, [*TEXTS, "Leave the dog at home."])
    async with database.tenant_transaction(ctx) as connection:
        await chunks.delete(connection, ctx, document_id=gone)

    await write(globex, await add_knowledge_base(database, globex), TEXTS[:2])
    for table in ("chunk_terms", "chunk_statistics"):
        assert await stored(database, ctx, table) == await stored(database, globex, table)


async def test_deleting_the_last_document_leaves_nothing(
    database: Database, ctx: TenantContext, handbook: UUID, write: Write
) -> None:
    document_id = await write(ctx, handbook, TEXTS)
    async with database.tenant_transaction(ctx) as connection:
        await chunks.delete(connection, ctx, document_id=document_id)
    assert await stored(database, ctx, "chunk_statistics") == [{"chunks": 0}]
    for table in ("chunks", "chunk_terms", "chunk_postings"):
        assert await stored(database, ctx, table) == []


async def test_own_slot_has_a_posting_for_each_term_of_each_chunk(
    database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    await _promote_empty(database, acme)
    await write(acme, handbook, TEXTS)
    terms = {row["term"] for row in await stored(database, acme, "chunk_terms")}
    assert {row["term"] for row in await stored(database, acme, "chunk_postings")} == terms != set()


async def test_two_documents_can_be_written_in_one_transaction(
    database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    ids = [await write(acme, handbook, []), await write(acme, handbook, [])]
    new = [chunks.NewChunk(0, "text", (), None, None, 0, 4)]
    async with database.tenant_transaction(acme) as connection:
        for document_id in ids:
            await chunks.replace(
                connection,
                acme,
                knowledge_base_id=handbook,
                document_id=document_id,
                version=1,
                chunks=new,
                embeddings=[[1.0] * 384],
            )
    assert len(await stored(database, acme, "chunks")) == 2


async def test_a_document_with_chunks_cannot_be_deleted_around_them(
    database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    await write(acme, handbook, TEXTS)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with database.tenant_transaction(acme) as connection:
            await connection.execute("DELETE FROM documents WHERE tenant_id = %s", (acme.tenant_id,))


async def test_model_of_another_length_is_refused_at_start(database: Database) -> None:
    await chunks.check_dimensions(database, 384)
    with pytest.raises(OperatorError, match=r"384.*1536"):
        await chunks.check_dimensions(database, 1536)


async def test_every_partition_forces_row_level_security(owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        rows = connection.execute(
            "SELECT relid::text, relrowsecurity, relforcerowsecurity "
            "FROM pg_partition_tree('chunks') JOIN pg_class ON pg_class.oid = relid"
        ).fetchall()
    assert len(rows) == 1 + 1 + 16 + 32
    assert [name for name, enabled, forced in rows if not (enabled and forced)] == []

"""A slot of one's own changes where chunks are, not what is found."""

import asyncio
from uuid import UUID

import pytest

from core.db import Database
from core.tenancy import TenantContext
from retrieval.promotion import promote_if_outgrown
from retrieval.retriever import Retriever
from tests.factories import add_knowledge_base, add_tenant
from tests.retrieval.conftest import Write

ANIMALS = ["dog", "cat", "horse", "parrot", "snake", "goldfish", "hamster", "tortoise", "ferret", "rabbit"]
ROOMS = ["kitchen", "library", "workshop", "garage"]
TEXTS = [f"The {animal} may not enter the {room}." for animal in ANIMALS for room in ROOMS]
QUERIES = [f"Is the {animal} allowed in the {room}?" for animal in ANIMALS[::3] for room in ROOMS]


async def slot_of(database: Database, ctx: TenantContext) -> int:
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute("SELECT chunk_slot FROM tenants WHERE tenant_id = %s", (ctx.tenant_id,))
        row = await rows.fetchone()
        assert row is not None
        return int(row["chunk_slot"])


async def test_promoted_tenant_finds_exactly_what_it_found_before(
    retriever: Retriever, database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    other = await add_knowledge_base(database, acme, "other")
    await write(acme, handbook, TEXTS[:20])
    await write(acme, other, TEXTS[20:])

    async def answers() -> list[object]:
        return [
            await retriever.search(acme, query, knowledge_base_ids=ids, limit=len(TEXTS))
            for query in QUERIES
            for ids in (None, [other])
        ]

    before = await answers()
    assert await promote_if_outgrown(database, acme, threshold=len(TEXTS))
    assert await slot_of(database, acme) > 0
    assert await answers() == before


async def test_promoted_tenant_goes_on_writing(
    retriever: Retriever, database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    document_id = await write(acme, handbook, TEXTS)
    assert await promote_if_outgrown(database, acme, threshold=1)
    await write(acme, handbook, ["The llama sleeps in the barn."], document_id=document_id, version=2)
    hits = await retriever.search(acme, "Where does the llama sleep?", knowledge_base_ids=None)
    assert [(hit.version, hit.text) for hit in hits] == [(2, "The llama sleeps in the barn.")]


async def test_small_tenant_stays_in_the_shared_slot(
    database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    await write(acme, handbook, TEXTS)
    assert not await promote_if_outgrown(database, acme, threshold=len(TEXTS) + 1)
    assert await slot_of(database, acme) == 0


async def test_a_tenant_is_promoted_once(
    database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    await write(acme, handbook, TEXTS)
    promoted = await asyncio.gather(*(promote_if_outgrown(database, acme, threshold=1) for _ in range(3)))
    assert sorted(promoted) == [False, False, True]


async def test_two_tenants_never_share_a_slot_and_see_only_their_own(
    retriever: Retriever,
    database: Database,
    acme: TenantContext,
    globex: TenantContext,
    handbook: UUID,
    write: Write,
) -> None:
    await write(acme, handbook, TEXTS)
    assert await promote_if_outgrown(database, acme, threshold=1)
    before = await retriever.search(acme, QUERIES[0], knowledge_base_ids=None)
    await write(globex, await add_knowledge_base(database, globex), TEXTS * 2)
    assert await promote_if_outgrown(database, globex, threshold=1)
    assert await slot_of(database, acme) != await slot_of(database, globex)
    assert repr(await retriever.search(acme, QUERIES[0], knowledge_base_ids=None)) == repr(before)


async def test_without_a_free_slot_a_tenant_stays_and_is_found(
    retriever: Retriever, database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    async with database.tenant_transaction(acme) as connection:
        await connection.execute("DELETE FROM free_chunk_slots")
    await write(acme, handbook, TEXTS)
    assert not await promote_if_outgrown(database, acme, threshold=1)
    assert len(await retriever.search(acme, QUERIES[0], knowledge_base_ids=None)) == 8


@pytest.mark.parametrize("size", [1, 3])
async def test_promotion_while_others_write_loses_nothing(
    retriever: Retriever, database: Database, write: Write, size: int
) -> None:
    ctx = await add_tenant(database, "busy")
    knowledge_base_id = await add_knowledge_base(database, ctx)
    await write(ctx, knowledge_base_id, TEXTS)
    writes = (write(ctx, knowledge_base_id, TEXTS[:size]) for _ in range(4))
    await asyncio.gather(promote_if_outgrown(database, ctx, threshold=1), *writes)
    assert await slot_of(database, ctx) > 0
    hits = await retriever.search(ctx, QUERIES[0], knowledge_base_ids=None, limit=100)
    assert len(hits) == len(TEXTS) + 4 * size

"""Documents are listed and read as their ready version, within what the caller may see."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from core.db import Database
from core.errors import NotFound
from core.tenancy import TenantContext
from retrieval import reading
from retrieval.promotion import promote_if_outgrown
from retrieval.reading import Passage
from tests.factories import add_knowledge_base
from tests.retrieval.conftest import Write

TEXTS = [f"Paragraph {number}." for number in range(5)]


async def make_ready(database: Database, ctx: TenantContext, document_id: UUID, name: str, *, chunks: int) -> None:
    """What ingestion does beside writing the chunks."""
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO blobs (tenant_id, sha256, data) VALUES (%s, sha256(%s), '')",
            (ctx.tenant_id, document_id.bytes),
        )
        await connection.execute(
            "INSERT INTO document_versions (tenant_id, document_id, version, sha256, bytes, status, pages, chunks, "
            "created_by) VALUES (%s, %s, 1, sha256(%s), 0, 'ready', 2, %s, %s)",
            (ctx.tenant_id, document_id, document_id.bytes, chunks, ctx.user_id),
        )
        await connection.execute(
            "UPDATE documents SET ready_version = 1, name = %s WHERE tenant_id = %s AND document_id = %s",
            (name, ctx.tenant_id, document_id),
        )


@pytest.fixture
async def document(database: Database, acme: TenantContext, handbook: UUID, write: Write) -> UUID:
    document_id = await write(acme, handbook, TEXTS)
    await make_ready(database, acme, document_id, "Leave_100%.md", chunks=len(TEXTS))
    return document_id


async def names(database: Database, ctx: TenantContext, allowed: Sequence[UUID] | None, query: str = "") -> list[str]:
    found = await reading.list_documents(database, ctx, knowledge_base_ids=allowed, query=query, limit=10)
    return [each.name for each in found]


async def test_listed_document_says_what_it_is(database: Database, acme: TenantContext, document: UUID) -> None:
    (found,) = await reading.list_documents(database, acme, knowledge_base_ids=None, limit=10)
    assert (found.document_id, found.name, found.knowledge_base) == (document, "Leave_100%.md", "handbook")
    assert (found.pages, found.chunks) == (2, 5)


@pytest.mark.parametrize(
    ("query", "finds"), [("leave", True), ("100%", True), ("E_1", True), ("e%", False), ("_", True)]
)
async def test_name_is_searched_literally_and_in_any_case(
    database: Database, acme: TenantContext, document: UUID, query: str, finds: bool
) -> None:
    assert bool(await names(database, acme, None, query)) is finds


async def test_document_that_is_not_ready_is_neither_listed_nor_read(
    database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    document_id = await write(acme, handbook, TEXTS)
    assert await names(database, acme, None) == []
    with pytest.raises(NotFound):
        await reading.read_document(database, acme, document_id, knowledge_base_ids=None, first=0, limit=1)


async def test_pages_of_the_list_follow_each_other(
    database: Database, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    for name in ("c", "a", "b"):
        await make_ready(database, acme, await write(acme, handbook, TEXTS[:1]), name, chunks=1)
    pages = [
        await reading.list_documents(database, acme, knowledge_base_ids=None, limit=2, offset=offset)
        for offset in (0, 2, 4)
    ]
    assert [[each.name for each in page] for page in pages] == [["a", "b"], ["c"], []]


async def test_only_the_allowed_knowledge_bases_are_seen(
    database: Database, acme: TenantContext, handbook: UUID, document: UUID
) -> None:
    other = await add_knowledge_base(database, acme, "other")
    assert await names(database, acme, [handbook]) == ["Leave_100%.md"]
    for allowed in ([other], [uuid4()], []):
        assert await names(database, acme, allowed) == []
        with pytest.raises(NotFound):
            await reading.read_document(database, acme, document, knowledge_base_ids=allowed, first=0, limit=1)


async def test_another_tenants_document_does_not_exist(
    database: Database, globex: TenantContext, handbook: UUID, document: UUID
) -> None:
    for allowed in (None, [handbook]):
        assert await names(database, globex, allowed) == []
        with pytest.raises(NotFound):
            await reading.read_document(database, globex, document, knowledge_base_ids=allowed, first=0, limit=1)


async def test_text_is_read_in_order(database: Database, acme: TenantContext, document: UUID) -> None:
    found, passages = await reading.read_document(database, acme, document, knowledge_base_ids=None, first=1, limit=2)
    assert found.document_id == document
    assert passages == tuple(Passage(n, TEXTS[n], ("Handbook",), 1, 2) for n in (1, 2))
    _, rest = await reading.read_document(database, acme, document, knowledge_base_ids=None, first=3, limit=9)
    assert [passage.ordinal for passage in rest] == [3, 4]


async def test_only_the_ready_version_is_read(
    database: Database, acme: TenantContext, handbook: UUID, document: UUID, write: Write
) -> None:
    await write(acme, handbook, ["A newer text."], document_id=document, version=2)
    _, passages = await reading.read_document(database, acme, document, knowledge_base_ids=None, first=0, limit=9)
    assert passages == ()


async def test_document_of_a_tenant_with_a_slot_of_its_own_is_read(
    database: Database, acme: TenantContext, document: UUID
) -> None:
    await promote_if_outgrown(database, acme, threshold=1)
    _, passages = await reading.read_document(database, acme, document, knowledge_base_ids=None, first=0, limit=9)
    assert [passage.text for passage in passages] == TEXTS

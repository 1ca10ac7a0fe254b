"""The model finds, lists and reads documents, and only those that its run may see."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.db import Database
from core.tenancy import TenantContext
from retrieval import chunks
from retrieval.chunks import NewChunk
from retrieval.local_embeddings import LocalEmbeddings
from tests.factories import add_knowledge_base
from tests.tools.builtin.calls import call_of
from tools.builtin.kind import BuiltinKind
from tools.calls import ToolFailed

TEXTS = [
    "Parental leave is 16 weeks, paid in full.",
    "Travel by train is preferred.",
    "The office dog is called Rex.",
]


async def add_document(
    database: Database,
    ctx: TenantContext,
    knowledge_base_id: UUID,
    embeddings: LocalEmbeddings,
    texts: Sequence[str] = TEXTS,
    name: str = "leave.md",
) -> UUID:
    document_id = uuid4()
    new = [NewChunk(n, text, ("Handbook", "Leave"), n + 1, n + 1, 0, len(text)) for n, text in enumerate(texts)]
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO documents (tenant_id, document_id, knowledge_base_id, name, ready_version) "
            "VALUES (%s, %s, %s, %s, 1)",
            (ctx.tenant_id, document_id, knowledge_base_id, name),
        )
        await connection.execute(
            "INSERT INTO blobs (tenant_id, sha256, data) VALUES (%s, sha256(%s), '')",
            (ctx.tenant_id, document_id.bytes),
        )
        await connection.execute(
            "INSERT INTO document_versions (tenant_id, document_id, version, sha256, bytes, status, pages, chunks, "
            "created_by) VALUES (%s, %s, 1, sha256(%s), 0, 'ready', 3, %s, %s)",
            (ctx.tenant_id, document_id, document_id.bytes, len(new), ctx.user_id),
        )
        await chunks.replace(
            connection,
            ctx,
            knowledge_base_id=knowledge_base_id,
            document_id=document_id,
            version=1,
            chunks=new,
            embeddings=embeddings.embed([chunk.indexed_text for chunk in new]),
        )
    return document_id


@pytest.fixture
async def handbook(database: Database, acme: TenantContext) -> UUID:
    return await add_knowledge_base(database, acme)


@pytest.fixture
async def document(database: Database, acme: TenantContext, handbook: UUID, embeddings: LocalEmbeddings) -> UUID:
    return await add_document(database, acme, handbook, embeddings)


async def told(kind: BuiltinKind, ctx: TenantContext, name: str, **arguments: Any) -> Any:
    answer = await kind.call(call_of(ctx, name, **arguments))
    assert answer.received_bytes == len(answer.text.encode())
    return json.loads(answer.text)


async def test_search_finds_the_passage_and_says_where_it_is(
    kind: BuiltinKind, acme: TenantContext, document: UUID
) -> None:
    found = await told(kind, acme, "search_documents", query="How long is parental leave?", limit=1)
    assert found == {
        "passages": [
            {
                "document_id": str(document),
                "name": "leave.md",
                "page": 1,
                "heading": "Handbook > Leave",
                "chunk": 0,
                "text": TEXTS[0],
            }
        ]
    }


async def test_list_and_read_say_where_to_go_on(kind: BuiltinKind, acme: TenantContext, document: UUID) -> None:
    listed = await told(kind, acme, "list_documents", query="LEAVE")
    (line,) = listed["documents"]
    assert (line["document_id"], line["name"], line["knowledge_base"]) == (str(document), "leave.md", "handbook")
    assert (line["pages"], line["chunks"], listed["next_offset"]) == (3, 3, None)
    first = await told(kind, acme, "read_document", document_id=str(document), limit=2)
    assert [passage["text"] for passage in first["passages"]] == TEXTS[:2]
    assert (first["name"], first["chunks"], first["next_chunk"]) == ("leave.md", 3, 2)
    rest = await told(kind, acme, "read_document", document_id=str(document), from_chunk=first["next_chunk"])
    assert [passage["text"] for passage in rest["passages"]] == TEXTS[2:]
    assert rest["next_chunk"] is None


async def test_list_says_when_there_are_more(
    kind: BuiltinKind, database: Database, acme: TenantContext, handbook: UUID, embeddings: LocalEmbeddings
) -> None:
    for name in "abc":
        await add_document(database, acme, handbook, embeddings, TEXTS[:1], name)
    first = await told(kind, acme, "list_documents", limit=2)
    rest = await told(kind, acme, "list_documents", limit=2, offset=first["next_offset"])
    assert [line["name"] for line in first["documents"] + rest["documents"]] == ["a", "b", "c"]
    assert rest["next_offset"] is None


@pytest.mark.parametrize("document_id", ["", "leave.md", "../1", "00000000-0000-0000-0000-000000000000", "x" * 64])
async def test_unknown_document_is_told_the_model(kind: BuiltinKind, acme: TenantContext, document_id: str) -> None:
    with pytest.raises(ToolFailed, match="no such document"):
        await kind.call(call_of(acme, "read_document", document_id=document_id))


async def test_other_tenants_documents_do_not_exist(
    kind: BuiltinKind, globex: TenantContext, handbook: UUID, document: UUID
) -> None:
    for allowed in (None, [handbook]):
        found = await told(kind, globex, "search_documents", query="leave", knowledge_base_ids=allowed)
        assert found == {"passages": []}
        listed = await told(kind, globex, "list_documents", knowledge_base_ids=allowed)
        assert listed == {"documents": [], "next_offset": None}
        with pytest.raises(ToolFailed) as foreign:
            await kind.call(call_of(globex, "read_document", document_id=str(document), knowledge_base_ids=allowed))
        with pytest.raises(ToolFailed) as unknown:
            await kind.call(call_of(globex, "read_document", document_id=str(uuid4()), knowledge_base_ids=allowed))
        assert foreign.value.detail == unknown.value.detail


async def test_knowledge_bases_that_a_run_may_not_see_hold_nothing(
    kind: BuiltinKind, database: Database, acme: TenantContext, document: UUID
) -> None:
    other = await add_knowledge_base(database, acme, "other")
    for allowed in ([other], []):
        assert await told(kind, acme, "search_documents", query="leave", knowledge_base_ids=allowed) == {
            "passages": []
        }
        listed = await told(kind, acme, "list_documents", knowledge_base_ids=allowed)
        assert listed["documents"] == []
        with pytest.raises(ToolFailed):
            await kind.call(call_of(acme, "read_document", document_id=str(document), knowledge_base_ids=allowed))

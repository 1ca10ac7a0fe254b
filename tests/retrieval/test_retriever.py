"""Search finds the right chunk, and a neighbour's data changes nothing about it."""

import base64
import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from core.db import Database
from core.tenancy import TenantContext
from retrieval.promotion import promote_if_outgrown
from retrieval.retriever import Hit, Retriever
from tests.factories import add_knowledge_base
from tests.retrieval.conftest import Write

TEXTS = [
    "Parental leave is 16 weeks, paid in full.",
    "Travel by train is preferred; flights need approval.",
    "The office dog is called Rex.",
    "Form ZX-4711 must be signed by the controller.",
]
QUESTION = "How long is parental leave?"


@pytest.fixture
async def document(acme: TenantContext, handbook: UUID, write: Write) -> UUID:
    return await write(acme, handbook, TEXTS)


async def test_hit_tells_where_the_chunk_is(
    retriever: Retriever, acme: TenantContext, handbook: UUID, document: UUID
) -> None:
    hit = (await retriever.search(acme, QUESTION, knowledge_base_ids=None))[0]
    assert hit == Hit(
        document_id=document,
        document_name=f"{document}.md",
        knowledge_base_id=handbook,
        version=1,
        ordinal=0,
        text=TEXTS[0],
        headings=("Handbook",),
        page_start=1,
        page_end=2,
        start=10,
        end=10 + len(TEXTS[0]),
        score=hit.score,
        dense_score=hit.dense_score,
        lexical_score=hit.lexical_score,
    )
    assert hit.score == pytest.approx(1)
    assert 0.5 < hit.dense_score < 1
    assert hit.lexical_score > 0


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Who has to put their name on ZX-4711?", TEXTS[3]),
        ("pet animals at work", TEXTS[2]),
        ("may I take a plane", TEXTS[1]),
    ],
)
async def test_words_and_meaning_both_find(
    retriever: Retriever, acme: TenantContext, document: UUID, query: str, text: str
) -> None:
    assert (await retriever.search(acme, query, knowledge_base_ids=None, limit=1))[0].text == text


async def test_results_are_the_same_with_and_without_a_neighbour(
    retriever: Retriever,
    database: Database,
    acme: TenantContext,
    globex: TenantContext,
    document: UUID,
    write: Write,
) -> None:
    before = await retriever.search(acme, QUESTION, knowledge_base_ids=None)
    await write(globex, await add_knowledge_base(database, globex), [*TEXTS, "Parental leave is 52 weeks."] * 3)
    assert repr(await retriever.search(acme, QUESTION, knowledge_base_ids=None)) == repr(before)


async def test_another_tenants_knowledge_base_holds_nothing(
    retriever: Retriever,
    database: Database,
    acme: TenantContext,
    globex: TenantContext,
    document: UUID,
    write: Write,
) -> None:
    theirs = await add_knowledge_base(database, globex)
    await write(globex, theirs, TEXTS)
    assert await retriever.search(acme, QUESTION, knowledge_base_ids=[theirs]) == ()
    assert await retriever.search(acme, QUESTION, knowledge_base_ids=[uuid4()]) == ()


async def test_search_stays_in_the_named_knowledge_bases(
    retriever: Retriever,
    database: Database,
    acme: TenantContext,
    handbook: UUID,
    document: UUID,
    write: Write,
) -> None:
    other = await add_knowledge_base(database, acme, "other")
    await write(acme, other, [TEXTS[0]])
    only = await retriever.search(acme, QUESTION, knowledge_base_ids=[other])
    both = await retriever.search(acme, QUESTION, knowledge_base_ids=[other, handbook])
    assert {hit.knowledge_base_id for hit in only} == {other}
    assert {hit.knowledge_base_id for hit in both} == {other, handbook}
    assert await retriever.search(acme, QUESTION, knowledge_base_ids=[]) == ()


async def test_equal_chunks_come_in_a_fixed_order(
    retriever: Retriever, acme: TenantContext, handbook: UUID, write: Write
) -> None:
    ids = [await write(acme, handbook, [TEXTS[0]]) for _ in range(5)]
    hits = await retriever.search(acme, QUESTION, knowledge_base_ids=None, limit=3)
    assert [hit.document_id for hit in hits] == sorted(ids)[:3]


@pytest.mark.parametrize("query", ["", "  \n\t", "\u200b"])
async def test_blank_query_is_answered(retriever: Retriever, acme: TenantContext, document: UUID, query: str) -> None:
    hits = await retriever.search(acme, query, knowledge_base_ids=None)
    assert len(hits) == (len(TEXTS) if query.strip() else 0)


async def test_query_of_stop_words_is_searched_by_meaning(
    retriever: Retriever, acme: TenantContext, document: UUID
) -> None:
    hits = await retriever.search(acme, "and what is it not?", knowledge_base_ids=None)
    assert len(hits) == len(TEXTS)
    assert {hit.lexical_score for hit in hits} == {0}


async def test_tenant_without_documents_finds_nothing(retriever: Retriever, acme: TenantContext) -> None:
    assert await retriever.search(acme, QUESTION, knowledge_base_ids=None) == ()


@pytest.mark.parametrize(("slot", "step"), [("shared", 1), ("own", 7)])
async def test_any_string_is_a_query(
    retriever: Retriever,
    database: Database,
    acme: TenantContext,
    document: UUID,
    golden: Path,
    slot: str,
    step: int,
) -> None:
    if slot == "own":
        assert await promote_if_outgrown(database, acme, threshold=1)
    groups = json.loads((golden / "naughty-strings" / "mapped_strings.json").read_text())
    for encoded in [string for group in groups.values() for string in group][::step]:
        query = base64.b64decode(encoded).decode("utf-8", "surrogateescape")
        hits = await retriever.search(acme, query, knowledge_base_ids=None)
        assert len(hits) == (len(TEXTS) if query.strip() else 0)
    for query in ("\x00", "\ud800", "a" * 1_000_000, "' OR 1=1 --", "\U0001f600" * 300):
        assert len(await retriever.search(acme, query, knowledge_base_ids=None)) == len(TEXTS)

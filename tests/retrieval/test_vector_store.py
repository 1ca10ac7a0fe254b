"""LangChain code searches through the standard interface, inside one tenant."""

from uuid import UUID

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore

from core.db import Database
from core.tenancy import TenantContext
from retrieval.retriever import Retriever
from retrieval.vector_store import ChunkVectorStore
from tests.factories import add_knowledge_base
from tests.retrieval.conftest import Write

TEXTS = ["Parental leave is 16 weeks.", "Travel by train is preferred.", "The office dog is called Rex."]
QUESTION = "How long is parental leave?"


@pytest.fixture
async def store(
    retriever: Retriever,
    database: Database,
    acme: TenantContext,
    globex: TenantContext,
    handbook: UUID,
    write: Write,
) -> VectorStore:
    await write(acme, handbook, TEXTS)
    await write(globex, await add_knowledge_base(database, globex), ["Parental leave is 52 weeks."])
    return ChunkVectorStore(retriever, acme)


async def test_search_gives_documents_best_first(store: VectorStore) -> None:
    found = await store.asimilarity_search(QUESTION, k=2)
    assert found[0].page_content == TEXTS[0]
    assert found[0].metadata["page_start"] == 1
    assert len({document.id for document in found}) == 2


async def test_scores_fall_and_lie_between_0_and_1(store: VectorStore) -> None:
    for search in (store.asimilarity_search_with_score, store.asimilarity_search_with_relevance_scores):
        scores = [score for _, score in await search(QUESTION, k=3)]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == pytest.approx(1)
        assert all(0 <= score <= 1 + 1e-9 for score in scores)


async def test_search_by_vector_goes_by_meaning(store: VectorStore) -> None:
    assert store.embeddings is not None
    vector = store.embeddings.embed_query("pet animals at work")
    assert [d.page_content for d in await store.asimilarity_search_by_vector(vector, k=1)] == [TEXTS[2]]


async def test_as_retriever_is_a_base_retriever(store: VectorStore) -> None:
    retriever = store.as_retriever(search_kwargs={"k": 1})
    assert isinstance(retriever, BaseRetriever)
    assert [document.page_content for document in await retriever.ainvoke(QUESTION)] == [TEXTS[0]]
    some = store.as_retriever(search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.9})
    assert [document.page_content for document in await some.ainvoke(QUESTION)] == [TEXTS[0]]


async def test_only_the_named_knowledge_bases_are_searched(
    retriever: Retriever, database: Database, acme: TenantContext, store: VectorStore
) -> None:
    empty = await add_knowledge_base(database, acme, "empty")
    assert await ChunkVectorStore(retriever, acme, knowledge_base_ids=[empty]).asimilarity_search(QUESTION) == []


async def test_what_it_cannot_do_says_what_to_do_instead(store: VectorStore) -> None:
    with pytest.raises(NotImplementedError, match="asimilarity_search"):
        store.similarity_search(QUESTION)
    assert store.embeddings is not None
    with pytest.raises(NotImplementedError, match="upload"):
        ChunkVectorStore.from_texts(TEXTS, store.embeddings)

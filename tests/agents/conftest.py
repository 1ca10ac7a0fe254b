from collections.abc import AsyncIterator, Callable

import pytest
from langchain_core.language_models import BaseChatModel

from agents.runner import Runner
from core.db import Database
from core.tenancy import TenantContext
from graphs.chat import chat_graph
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.retriever import Retriever
from tests.agents.library import add_document

NewRunner = Callable[..., Runner]


@pytest.fixture(scope="session")
def embeddings() -> LocalEmbeddings:
    return LocalEmbeddings()


@pytest.fixture
async def new_runner(database: Database, embeddings: LocalEmbeddings) -> AsyncIterator[NewRunner]:
    """As a process makes it when it starts."""
    runners: list[Runner] = []

    def make(model: BaseChatModel, *, max_concurrent: int = 4, timeout_seconds: float = 20.0) -> Runner:
        graph = chat_graph(Retriever(database, embeddings), model)
        runners.append(Runner(database, graph, max_concurrent=max_concurrent, timeout_seconds=timeout_seconds))
        return runners[-1]

    yield make
    for runner in runners:
        await runner.close()


@pytest.fixture
async def reader(database: Database, acme: TenantContext, embeddings: LocalEmbeddings) -> TenantContext:
    """A member of acme, which has a document to ask about."""
    await add_document(
        database, acme, embeddings, "holidays.md", "Everyone at Acme gets 28 days of holiday a year.",
        "The office in Bergen closes on 24 December at noon.",
    )  # fmt: skip
    return acme

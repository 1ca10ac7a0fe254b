from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from langchain_core.language_models import BaseChatModel

from agents.engine import Engine, engine_at_work
from core.cache import Cache
from core.db import Database
from core.embedded import EmbeddedServers
from core.settings import Settings
from core.tenancy import TenantContext
from graphs.catalog.catalog import Catalog
from graphs.catalog.loading import OwnGraph
from graphs.chat import chat_graph
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.retriever import Retriever
from tenants import vault_keys
from tests.agents.library import add_document
from tools.toolbox import open_toolbox

NewEngine = Callable[..., Awaitable[Engine]]


@pytest.fixture(scope="session")
def embeddings() -> LocalEmbeddings:
    return LocalEmbeddings()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Tools may call peers of the tests on this machine."""
    vault_keys.load_or_create(tmp_path / "vault-keys")
    return Settings(data_dir=tmp_path, egress_allowed_hosts=("127.0.0.1",))


@pytest.fixture
async def new_engine(
    database: Database, clone: EmbeddedServers, embeddings: LocalEmbeddings, settings: Settings
) -> AsyncIterator[NewEngine]:
    """As a process opens it when it starts; each has a cache of its own."""
    async with AsyncExitStack() as opened:

        async def make(
            model: BaseChatModel,
            graphs: dict[str, OwnGraph] | None = None,
            *,
            max_concurrent: int = 4,
            timeout_seconds: float = 20.0,
        ) -> Engine:
            cache = await opened.enter_async_context(Cache(clone.redis_url))
            retriever = Retriever(database, embeddings)
            toolbox = await opened.enter_async_context(open_toolbox(settings, database, cache, retriever))
            catalog = Catalog(chat_graph(retriever, model, toolbox), graphs)
            at_work = engine_at_work(
                database,
                cache,
                catalog,
                toolbox,
                embeddings,
                max_concurrent=max_concurrent,
                timeout_seconds=timeout_seconds,
            )
            return await opened.enter_async_context(at_work)

        yield make


@pytest.fixture
async def reader(database: Database, acme: TenantContext, embeddings: LocalEmbeddings) -> TenantContext:
    """A member of acme, which has a document to ask about."""
    await add_document(
        database, acme, embeddings, "holidays.md", "Everyone at Acme gets 28 days of holiday a year.",
        "The office in Bergen closes on 24 December at noon.",
    )  # fmt: skip
    return acme

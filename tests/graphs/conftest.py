"""A member's long-term memory, indexed by the real local model."""

import pytest

from core.db import Database
from core.tenancy import TenantContext
from graphs.store import TenantStore
from retrieval.local_embeddings import LocalEmbeddings


@pytest.fixture(scope="session")
def embeddings() -> LocalEmbeddings:
    return LocalEmbeddings()


@pytest.fixture
async def store(database: Database, acme: TenantContext, embeddings: LocalEmbeddings) -> TenantStore:
    return TenantStore(database, acme, embeddings)

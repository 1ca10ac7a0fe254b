"""Built-in tools over a real database."""

from datetime import UTC, datetime

import pytest

from core.db import Database
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.retriever import Retriever
from tools.builtin.kind import BuiltinKind

NOW = datetime(2026, 3, 29, 0, 59, 30, 123456, tzinfo=UTC)


@pytest.fixture(scope="session")
def embeddings() -> LocalEmbeddings:
    return LocalEmbeddings()


@pytest.fixture
def kind(database: Database, embeddings: LocalEmbeddings) -> BuiltinKind:
    return BuiltinKind(database, Retriever(database, embeddings), clock=lambda: NOW)

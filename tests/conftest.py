"""A real Postgres and a real Valkey for each test process; a fresh database for each test."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.db import Database
from core.embedded import EmbeddedServers, embedded_servers
from core.tenancy import TenantContext
from migrations import runner
from tests.factories import add_tenant, cloned

# Several houses stand on one small Postgres.
os.environ["ATRIUM_DATABASE_POOL_SIZE"] = "3"


@pytest.fixture(scope="session")
def golden() -> Path:
    folder = Path(os.environ.get("ATRIUM_GOLDEN", "../shared/golden"))
    if not folder.is_dir():
        pytest.skip(f"no golden data in {folder}; set ATRIUM_GOLDEN")
    return folder


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """Their database is the migrated template: clone it, leave it as it is."""
    # A short path: a Unix socket's may be 107 bytes long.
    with tempfile.TemporaryDirectory(prefix="atrium-") as folder, embedded_servers(Path(folder)) as running:
        runner.upgrade(running.database_url("postgres"))
        yield running


@pytest.fixture
def clone(servers: EmbeddedServers) -> Iterator[EmbeddedServers]:
    """A fresh database, dropped after the test."""
    with cloned(servers) as fresh:
        yield fresh


@pytest.fixture
async def database(clone: EmbeddedServers) -> AsyncIterator[Database]:
    async with Database(clone.database_url("atrium_app"), clone.database_url("atrium_auth"), pool_size=4) as opened:
        yield opened


@pytest.fixture
def owner_url(clone: EmbeddedServers) -> str:
    """For reading and weakening the catalogue only: product code is never tested as a superuser."""
    return clone.database_url("postgres")


@pytest.fixture
async def acme(database: Database) -> TenantContext:
    return await add_tenant(database, "acme")


@pytest.fixture
async def globex(database: Database) -> TenantContext:
    """The other tenant: whatever acme does, it must not notice."""
    return await add_tenant(database, "globex")

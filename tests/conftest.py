"""A real Postgres and a real Valkey for each test process; a fresh database for each test."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from core.db import Database
from core.embedded import EmbeddedServers, embedded_servers
from core.tenancy import TenantContext
from migrations import runner
from tests.factories import add_tenant

TEMPLATE = "atrium"


@pytest.fixture(scope="session")
def golden() -> Path:
    folder = Path(os.environ.get("ATRIUM_GOLDEN", "../shared/golden"))
    if not folder.is_dir():
        pytest.skip(f"no golden data in {folder}; set ATRIUM_GOLDEN")
    return folder


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    # A short path: a Unix socket's may be 107 bytes long.
    with tempfile.TemporaryDirectory(prefix="atrium-") as folder, embedded_servers(Path(folder)) as running:
        runner.upgrade(running.database_url("postgres", TEMPLATE))
        yield running


@pytest.fixture
def database_name(servers: EmbeddedServers) -> Iterator[str]:
    """A clone of the migrated template, dropped after the test."""
    name = f"test_{uuid4().hex}"
    admin_url = servers.database_url("postgres", "postgres")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE))
        )
        yield name
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
async def database(servers: EmbeddedServers, database_name: str) -> AsyncIterator[Database]:
    async with Database(
        servers.database_url("atrium_app", database_name),
        servers.database_url("atrium_auth", database_name),
        pool_size=4,
    ) as opened:
        yield opened


@pytest.fixture
def owner_url(servers: EmbeddedServers, database_name: str) -> str:
    """For reading the catalogue only: product code is never tested as a superuser."""
    return servers.database_url("postgres", database_name)


@pytest.fixture
async def acme(database: Database) -> TenantContext:
    return await add_tenant(database, "acme")


@pytest.fixture
async def globex(database: Database) -> TenantContext:
    """The other tenant: whatever acme does, it must not notice."""
    return await add_tenant(database, "globex")

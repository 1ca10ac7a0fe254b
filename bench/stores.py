"""Embedded Postgres and Valkey on a temporary folder, migrated, and the rows that chunks hang on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from bench.corpus import Texts
from core.db import Connection, Database
from core.embedded import EmbeddedServers, embedded_servers
from core.tenancy import Role, TenantContext
from migrations import runner
from retrieval import chunks


@contextmanager
def stores() -> Iterator[EmbeddedServers]:
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder, embedded_servers(Path(folder)) as servers:
        runner.upgrade(servers.database_url("postgres"))
        yield servers


def open_database(servers: EmbeddedServers) -> Database:
    """As the roles that serve requests: row-level security is on in everything measured."""
    return Database(servers.database_url("atrium_app"), servers.database_url("atrium_auth"), pool_size=6)


@dataclass(frozen=True, slots=True)
class Home:
    """A tenant with one knowledge base."""

    ctx: TenantContext
    knowledge_base_id: UUID


async def add_home(database: Database) -> Home:
    """Without a user: hashing a thousand passwords is not what is measured."""
    home = Home(TenantContext(tenant_id=uuid4(), user_id=uuid4(), role=Role.MEMBER), uuid4())
    tenant_id = home.ctx.tenant_id
    async with database.tenant_transaction(home.ctx) as connection:
        await connection.execute(
            "INSERT INTO tenants (tenant_id, name, slug) VALUES (%s, 'bench', %s)", (tenant_id, f"bench-{tenant_id}")
        )
        await connection.execute(
            "INSERT INTO knowledge_bases (tenant_id, knowledge_base_id, name) VALUES (%s, %s, 'bench')",
            (tenant_id, home.knowledge_base_id),
        )
    return home


async def add_document(connection: Connection, home: Home) -> UUID:
    document_id = uuid4()
    await connection.execute(
        "INSERT INTO documents (tenant_id, document_id, knowledge_base_id, name, ready_version) "
        "VALUES (%s, %s, %s, %s, 1)",
        (home.ctx.tenant_id, document_id, home.knowledge_base_id, f"{document_id}.txt"),
    )
    return document_id


async def store_document(database: Database, home: Home, texts: Texts) -> None:
    """A document of these chunks, as the worker stores one."""
    async with database.tenant_transaction(home.ctx) as connection:
        await chunks.replace(
            connection,
            home.ctx,
            knowledge_base_id=home.knowledge_base_id,
            document_id=await add_document(connection, home),
            version=1,
            chunks=texts.chunks,
            embeddings=texts.embeddings,
        )

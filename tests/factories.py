"""Databases and rows that tests start from; rows are written as the application role."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import Role, TenantContext


@contextmanager
def cloned(servers: EmbeddedServers) -> Iterator[EmbeddedServers]:
    """The same servers with a copy of their database, dropped at the end."""
    name = f"test_{uuid4().hex}"
    admin_url = replace(servers, database="postgres").database_url("postgres")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(copy.format(sql.Identifier(name), sql.Identifier(servers.database)))
        yield replace(servers, database=name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def add_tenant(database: Database, slug: str, role: Role = Role.OWNER) -> TenantContext:
    ctx = TenantContext(tenant_id=uuid4(), user_id=uuid4(), role=role)
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO tenants (tenant_id, name, slug) VALUES (%s, %s, %s)", (ctx.tenant_id, slug, slug)
        )
        await connection.execute(
            "INSERT INTO users (user_id, email, name, password_hash) VALUES (%s, %s, %s, '!')",
            (ctx.user_id, f"{slug}@example.com", slug),
        )
        await connection.execute(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES (%s, %s, %s)",
            (ctx.tenant_id, ctx.user_id, role),
        )
    return ctx


async def add_knowledge_base(database: Database, ctx: TenantContext, name: str = "handbook") -> UUID:
    knowledge_base_id = uuid4()
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO knowledge_bases (tenant_id, knowledge_base_id, name) VALUES (%s, %s, %s)",
            (ctx.tenant_id, knowledge_base_id, name),
        )
    return knowledge_base_id

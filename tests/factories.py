"""Rows that tests start from, written as the application role."""

from uuid import UUID, uuid4

from core.db import Database
from core.tenancy import Role, TenantContext


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

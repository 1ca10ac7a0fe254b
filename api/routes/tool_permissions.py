"""`/v1/tools/{name}/policy` and `/grants`: how a tool may be called, and by whom."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from api.dependencies import Allow, Rooms
from api.routes.tools import ToolName
from core.tenancy import TenantContext
from tenants.permissions import Permission
from tools.registry import grants, policies, tools, writers
from tools.registry.grants import Grant, NewGrant
from tools.registry.policies import Policy

router = APIRouter(prefix="/v1/tools/{name}", tags=["tools"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_WRITE))]


@router.get("/policy", summary="Get a tool's policy")
async def get_policy(rooms: Rooms, ctx: Reader, name: ToolName) -> Policy:
    """The default one where none was set."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        await tools.current(connection, ctx, name)
        return await policies.get(connection, ctx, name)


@router.put("/policy", summary="Set a tool's policy")
async def put_policy(rooms: Rooms, ctx: Writer, name: ToolName, body: Policy) -> Policy:
    """In place of the whole of it; calls that begin from now on heed it."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        await tools.current(connection, ctx, name)
        return await policies.put(connection, ctx, name, body)


@router.get("/grants", summary="List a tool's grants")
async def list_grants(rooms: Rooms, ctx: Reader, name: ToolName) -> list[Grant]:
    async with rooms.database.tenant_transaction(ctx) as connection:
        await tools.current(connection, ctx, name)
        return await grants.of_tool(connection, ctx, name)


@router.post("/grants", status_code=201, summary="Grant a tool, or deny it")
async def add_grant(rooms: Rooms, ctx: Writer, name: ToolName, body: NewGrant) -> Grant:
    async with rooms.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        await tools.current(connection, ctx, name)
        return await grants.add(
            connection, ctx, name, effect=body.effect, role=body.role, assistant_id=body.assistant_id
        )


@router.delete("/grants/{grant_id}", status_code=204, summary="Take a grant back")
async def delete_grant(rooms: Rooms, ctx: Writer, name: ToolName, grant_id: UUID) -> None:
    async with rooms.database.tenant_transaction(ctx) as connection:
        await grants.delete(connection, ctx, name, grant_id)

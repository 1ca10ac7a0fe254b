"""`/v1/tools/{name}/calls`: the audit, who called a tool with which arguments and what came of it."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.dependencies import After, Allow, Limit, Rooms
from api.routes.tools import ToolName
from core.paging import Page
from core.tenancy import TenantContext
from tenants.permissions import Permission
from tools.registry import audit
from tools.registry.audit import Record

router = APIRouter(prefix="/v1/tools/{name}/calls", tags=["tools"])

Auditor = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_AUDIT))]


@router.get("", summary="List the calls of a tool")
async def list_page(rooms: Rooms, ctx: Auditor, name: ToolName, cursor: After, limit: Limit = 50) -> Page[Record]:
    """Also of a tool that is gone, and of names that models made up; the newest first."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await audit.list_page(connection, ctx, name, cursor=cursor, limit=limit)

"""`/v1/approvals`: calls that wait for somebody to decide, and the decision."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends

from agents import approving
from api.dependencies import After, Allow, Limit, Rooms
from core.paging import Page
from core.tenancy import TenantContext
from tenants.permissions import Permission
from tools.registry import approvals
from tools.registry.approvals import Approval, Status
from tools.registry.decisions import Decision

router = APIRouter(prefix="/v1/approvals", tags=["tools"])

Approver = Annotated[TenantContext, Depends(Allow(Permission.APPROVALS))]


@router.get("", summary="List calls that ask for approval")
async def list_page(
    rooms: Rooms, ctx: Approver, cursor: After, limit: Limit = 50, status: Status | None = None
) -> Page[Approval]:
    """The caller's own, and those that the caller's role may decide; the newest first."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await approvals.list_page(connection, ctx, status=status, cursor=cursor, limit=limit)


@router.get("/{approval_id}", summary="Get one of them")
async def get(rooms: Rooms, ctx: Approver, approval_id: UUID) -> Approval:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await approvals.get(connection, ctx, approval_id)


@router.post("/{approval_id}", summary="Approve, edit or reject a call")
async def decide(rooms: Rooms, ctx: Approver, approval_id: UUID, body: Annotated[Decision, Body()]) -> Approval:
    """When nothing else on its thread waits for a decision the run goes on, as whoever asked."""
    return await approving.decide(rooms.engine, ctx, approval_id, body)

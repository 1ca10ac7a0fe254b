"""`/v1/threads`: a member's own conversations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from agents import threads
from agents.threads import Thread, ThreadWithMessages
from api.dependencies import After, Allow, Limit, Rooms
from api.text import Name
from core.paging import Page
from core.tenancy import TenantContext
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/threads", tags=["threads"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.THREADS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.THREADS_WRITE))]


class ThreadChange(BaseModel):
    title: Name


@router.get("", summary="List threads")
async def list_page(rooms: Rooms, ctx: Reader, cursor: After, limit: Limit = 50) -> Page[Thread]:
    return await threads.list_page(rooms.database, ctx, cursor=cursor, limit=limit)


@router.get("/{thread_id}", summary="Get a thread with its messages")
async def get(rooms: Rooms, ctx: Reader, thread_id: UUID) -> ThreadWithMessages:
    return await threads.get(rooms.database, ctx, thread_id)


@router.patch("/{thread_id}", summary="Rename a thread")
async def rename(rooms: Rooms, ctx: Writer, thread_id: UUID, body: ThreadChange) -> Thread:
    return await threads.rename(rooms.database, ctx, thread_id, body.title)


@router.delete("/{thread_id}", status_code=204, summary="Delete a thread")
async def delete(rooms: Rooms, ctx: Writer, thread_id: UUID) -> None:
    await threads.delete(rooms.database, ctx, thread_id)

"""`/v1/threads`: a member's own conversations."""

from dataclasses import asdict, dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from agents.threads import threads, transcript
from agents.threads.transcript import Heading, Message
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


@dataclass(frozen=True, slots=True)
class ThreadWithMessages(Heading):
    messages: list[Message]


@router.get("", summary="List threads")
async def list_page(rooms: Rooms, ctx: Reader, cursor: After, limit: Limit = 50) -> Page[Heading]:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await transcript.headings(connection, ctx, cursor=cursor, limit=limit)


@router.get("/{thread_id}", summary="Get a thread with its messages")
async def get(rooms: Rooms, ctx: Reader, thread_id: UUID) -> ThreadWithMessages:
    async with rooms.database.tenant_transaction(ctx) as connection:
        heading = await transcript.heading(connection, ctx, thread_id)
        messages = await transcript.messages_of(connection, ctx, thread_id)
    return ThreadWithMessages(**asdict(heading), messages=messages)


@router.patch("/{thread_id}", summary="Rename a thread")
async def rename(rooms: Rooms, ctx: Writer, thread_id: UUID, body: ThreadChange) -> Heading:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await transcript.rename(connection, ctx, thread_id, body.title)


@router.delete("/{thread_id}", status_code=204, summary="Delete a thread")
async def delete(rooms: Rooms, ctx: Writer, thread_id: UUID) -> None:
    """An answer that is under way ends."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        await threads.delete(connection, ctx, thread_id)

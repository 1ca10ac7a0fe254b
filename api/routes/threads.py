"""`/v1/threads`: a member's own conversations."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from agents import threads
from api.dependencies import After, Allow, House, Limit
from api.text import Name
from core.tenancy import TenantContext
from graphs.state import Citation, Source
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/threads", tags=["threads"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.THREADS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.THREADS_WRITE))]


class Thread(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    thread_id: UUID
    title: str
    created_at: datetime
    updated_at: datetime


class Message(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    run_id: UUID
    role: str
    content: str
    sources: list[Source]
    citations: list[Citation]
    created_at: datetime


class ThreadWithMessages(Thread):
    messages: list[Message]


class ThreadPage(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    items: list[Thread]
    next_cursor: str | None


class ThreadChange(BaseModel):
    title: Name


@router.get("")
async def list_page(house: House, ctx: Reader, cursor: After, limit: Limit = 50) -> ThreadPage:
    page = await threads.list_page(house.database, ctx, cursor=cursor, limit=limit)
    return ThreadPage.model_validate(page)


@router.get("/{thread_id}")
async def get(house: House, ctx: Reader, thread_id: UUID) -> ThreadWithMessages:
    thread, messages = await threads.get(house.database, ctx, thread_id)
    return ThreadWithMessages(
        **Thread.model_validate(thread).model_dump(),
        messages=[Message.model_validate(message) for message in messages],
    )


@router.patch("/{thread_id}")
async def rename(house: House, ctx: Writer, thread_id: UUID, body: ThreadChange) -> Thread:
    return Thread.model_validate(await threads.rename(house.database, ctx, thread_id, body.title))


@router.delete("/{thread_id}", status_code=204)
async def delete(house: House, ctx: Writer, thread_id: UUID) -> None:
    await threads.delete(house.database, ctx, thread_id)

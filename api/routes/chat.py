"""`POST /v1/chat`: a question in, typed events out; one JSON answer for those who ask for JSON."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, StringConstraints
from sse_starlette import EventSourceResponse

from agents.answers import Answer, answer
from agents.chat import ask
from api.dependencies import Allow, IdempotencyKey, Rooms
from api.routes.runs import run_frames
from api.sse import EVENT_STREAM, event_stream
from api.text import Storable
from core.errors import Invalid
from core.tenancy import TenantContext
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/chat", tags=["chat"])

Asker = Annotated[TenantContext, Depends(Allow(Permission.CHAT))]


class Question(BaseModel):
    message: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), Storable]
    thread_id: UUID | None = Field(None, description="Goes on with a conversation; without it one begins.")
    knowledge_base_ids: Annotated[list[UUID], Field(max_length=50)] | None = Field(
        None, description="Search these only; without it all that the tenant has."
    )


@router.post("", response_model=Answer, responses={200: EVENT_STREAM}, summary="Ask")
async def chat(
    rooms: Rooms, ctx: Asker, request: Request, body: Question, idempotency_key: IdempotencyKey = None
) -> Answer | EventSourceResponse:
    """Events: `run_started`, `status`, `sources`, `token`, `tool_call`, `tool_result`, `interrupt`, `citation`,
    `usage`, then `run_ended` or `run_failed`.

    After an `interrupt` the run ends and the thread waits: for a decision at `/v1/approvals`, or an answer.

    The run goes on when the reader leaves. Each event has an id: `GET …/runs/{run_id}/events` goes on after one.
    A run that another process takes over says `run_started` again; tokens after that are the answer from its start.
    """
    longest = rooms.settings.message_max_characters
    if len(body.message) > longest:
        raise Invalid(f"`message` may have at most {longest:,} characters; upload long texts as documents.")
    asked = await ask(
        rooms.engine,
        ctx,
        body.message,
        thread_id=body.thread_id,
        knowledge_base_ids=tuple(body.knowledge_base_ids) if body.knowledge_base_ids is not None else None,
        idempotency_key=idempotency_key,
    )
    if "application/json" in request.headers.get("accept", ""):
        return await answer(rooms.engine, ctx, asked)
    return event_stream(request, run_frames(rooms.engine, ctx, asked))

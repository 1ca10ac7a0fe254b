"""`POST /v1/chat`: a question in, typed events out; one JSON answer for those who ask for JSON."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, StringConstraints
from sse_starlette import EventSourceResponse

from agents.chat import ask
from agents.events import Citation, RunEnded, RunEvent, RunFailed, RunStarted, Sources, Token, Usage
from api.dependencies import Allow, IdempotencyKey, Rooms
from api.sse import EVENT_STREAM, event_stream
from api.text import Storable
from core.errors import AtriumError, Invalid, Unavailable
from core.tenancy import TenantContext
from graphs.state import Citation as CitedClaim
from graphs.state import Source
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/chat", tags=["chat"])

Asker = Annotated[TenantContext, Depends(Allow(Permission.CHAT))]


class Question(BaseModel):
    message: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), Storable]
    thread_id: UUID | None = Field(None, description="Goes on with a conversation; without it one begins.")
    knowledge_base_ids: Annotated[list[UUID], Field(max_length=50)] | None = Field(
        None, description="Search these only; without it all that the tenant has."
    )


class Answer(BaseModel):
    run_id: UUID
    thread_id: UUID
    answer: str
    sources: list[Source]
    citations: list[CitedClaim]
    usage: list[Usage]


@router.post("", response_model=Answer, responses={200: EVENT_STREAM}, summary="Ask")
async def chat(
    rooms: Rooms, ctx: Asker, request: Request, body: Question, idempotency_key: IdempotencyKey = None
) -> Answer | EventSourceResponse:
    """Events: `run_started`, `status`, `sources`, `token`, `citation`, `usage`, then `run_ended` or `run_failed`."""
    longest = rooms.settings.message_max_characters
    if len(body.message) > longest:
        raise Invalid(f"`message` may have at most {longest:,} characters; upload long texts as documents.")
    events = await ask(
        rooms.database,
        rooms.runner,
        ctx,
        body.message,
        thread_id=body.thread_id,
        knowledge_base_ids=tuple(body.knowledge_base_ids) if body.knowledge_base_ids is not None else None,
        idempotency_key=idempotency_key,
    )
    if "application/json" in request.headers.get("accept", ""):
        return await _collected(events)
    return event_stream(request, _frames(events))


async def _frames(events: AsyncIterator[RunEvent]) -> AsyncIterator[tuple[str, str]]:
    async for event in events:
        yield event.type, event.model_dump_json()


async def _collected(events: AsyncIterator[RunEvent]) -> Answer:
    told = [event async for event in events]
    match told[-1]:
        case RunEnded():
            pass
        case RunFailed(code="internal_error" as code, detail=detail):
            raise AtriumError(detail, code=code)
        case RunFailed(code=code, detail=detail):
            raise Unavailable(detail, code=code)
        case _:
            raise Unavailable("The answer was cut off; ask again.", code="run_interrupted")
    started = next(event for event in told if isinstance(event, RunStarted))
    return Answer(
        run_id=started.run_id,
        thread_id=started.thread_id,
        answer="".join(event.text for event in told if isinstance(event, Token)),
        sources=[source for event in told if isinstance(event, Sources) for source in event.sources],
        citations=[event.citation for event in told if isinstance(event, Citation)],
        usage=[event for event in told if isinstance(event, Usage)],
    )

"""From a client's body to a run that is stored, and executed as soon as it may be."""

from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import StreamingResponse
from sse_starlette import EventSourceResponse

from agents import starting, untrusted
from agents.runs.request import RunRequest
from agents.runs.runs import Run
from agents.starting import Accepted
from api.agent_protocol import run_streams
from api.agent_protocol.run_bodies import Mode, RunCreateStateful, RunCreateStateless
from api.agent_protocol.webhook_urls import check_webhook
from api.dependencies import Rooms
from core.tenancy import TenantContext


async def start_run(
    rooms: Rooms,
    ctx: TenantContext,
    thread_id: UUID | None,
    body: RunCreateStateful | RunCreateStateless,
    extra_mode: Mode | None = None,
    *,
    place_required: bool = False,
) -> Accepted:
    assistant, request, options = _asked(rooms, ctx, thread_id, body, extra_mode)
    return await starting.start(rooms.engine, ctx, assistant, request, place_required=place_required, **options)


async def start_batch(rooms: Rooms, ctx: TenantContext, bodies: list[RunCreateStateless]) -> list[Run]:
    """All of them, or none."""
    return await starting.start_all(rooms.engine, ctx, [_asked(rooms, ctx, None, body) for body in bodies])


async def start_and_stream(
    rooms: Rooms,
    ctx: TenantContext,
    request: Request,
    thread_id: UUID | None,
    body: RunCreateStateful | RunCreateStateless,
) -> EventSourceResponse:
    accepted = await start_run(rooms, ctx, thread_id, body, place_required=True)
    return run_streams.stream(
        request,
        rooms.engine,
        ctx,
        accepted.run,
        cancel_on_disconnect=body.on_disconnect == "cancel",
        opening=accepted.opening,
    )


async def start_and_wait(
    rooms: Rooms, ctx: TenantContext, thread_id: UUID | None, body: RunCreateStateful | RunCreateStateless
) -> StreamingResponse:
    accepted = await start_run(rooms, ctx, thread_id, body, extra_mode="values", place_required=True)
    leaving = body.on_disconnect == "cancel"
    return run_streams.wait(rooms.engine, ctx, accepted.run, cancel_on_disconnect=leaving, created=True)


def _asked(
    rooms: Rooms,
    ctx: TenantContext,
    thread_id: UUID | None,
    body: RunCreateStateful | RunCreateStateless,
    extra_mode: Mode | None = None,
) -> tuple[str, RunRequest, dict[str, Any]]:
    """The assistant, the request, and the options that `starting.put` takes."""
    check_webhook(rooms, ctx, body.webhook)
    options: dict[str, Any] = {
        "thread_id": thread_id,
        "by_role": True,
        "metadata": untrusted.clean_metadata(body.metadata),
        "after_seconds": body.after_seconds or 0,
    }
    if isinstance(body, RunCreateStateful):
        options |= {"if_not_exists": body.if_not_exists, "multitask_strategy": body.multitask_strategy}
    return str(body.assistant_id), body.request(extra_mode=extra_mode), options

"""A run's events and its result, as the clients of this protocol read them."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Coroutine
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse
from sse_starlette import EventSourceResponse

from agents import wire
from agents.engine import Engine
from agents.events.log import END, Event
from agents.modes.protocol.envelope import PREFIX
from agents.runs.runs import Run
from agents.threads import threads
from api.dependencies import Allow
from api.leaving import cancelling
from api.sse import PING_SECONDS, event_stream, frame
from core.errors import AtriumError
from core.tenancy import TenantContext
from tenants.permissions import Permission

Reader = Annotated[TenantContext, Depends(Allow(Permission.THREADS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.CHAT))]

# Always sent, whatever modes a reader asked for.
_FRAMING = frozenset(("metadata", "error"))


def stream(
    request: Request,
    engine: Engine,
    ctx: TenantContext,
    run: Run,
    *,
    since: int = 0,
    modes: Collection[str] | None = None,
    cancel_on_disconnect: bool = False,
    opening: list[Event] | None = None,
) -> EventSourceResponse:
    """`modes` None means all that the run was asked for. Ids are the thread's sequence numbers.

    `opening`, maybe empty, for a run that was created just now.
    """
    frames = _frames(engine, ctx, run, since, None if modes is None else wire_names(modes), opening or [])
    if cancel_on_disconnect:
        frames = cancelling(engine, ctx, run, frames)
    return event_stream(request, frames, None if opening is None else location(run, "stream"))


def location(run: Run, following: str) -> dict[str, str]:
    """`following` is where the client goes on when it is cut off: `stream` or `join`."""
    path = f"/threads/{run.thread_id}/runs/{run.run_id}"
    return {"Content-Location": path, "Location": f"{path}/{following}"}


def wire_names(modes: Collection[str]) -> frozenset[str]:
    """The events of these stream modes: tuples of messages are told as `messages`."""
    names = {"messages" if mode == "messages-tuple" else mode for mode in modes}
    return _FRAMING | names


def matches(event: Event, names: frozenset[str] | None) -> bool:
    """`messages/partial` and `values|child:1` belong to `messages` and `values`; `protocol/…` is for others."""
    if event.name == END or event.name.startswith(PREFIX):
        return False
    return names is None or event.name.partition("|")[0].partition("/")[0] in names


async def _frames(
    engine: Engine, ctx: TenantContext, run: Run, since: int, names: frozenset[str] | None, opening: list[Event]
) -> AsyncGenerator[bytes]:
    since = max(since, run.events_after)
    async with aclosing(
        engine.log.follow_run(ctx, run.run_id, run.thread_id, since=since, opening=opening)
    ) as batches:
        newest = None
        async for batch in batches:
            newest = batch[-1].name
            chosen = [frame(event.name, event.data, event.seq) for event in batch if matches(event, names)]
            if chosen:
                yield b"".join(chosen)
    if newest != END:
        # Maybe there is nothing left that could tell one.
        async with engine.database.tenant_transaction(ctx) as connection:
            await threads.require(connection, ctx, run.thread_id, by_role=True)


def wait(
    engine: Engine, ctx: TenantContext, run: Run, *, cancel_on_disconnect: bool, created: bool = False
) -> StreamingResponse:
    """The run's final values as JSON, after blank lines that keep the connection open."""
    body: AsyncGenerator[bytes] = _kept_open(result(engine, ctx, run))
    if cancel_on_disconnect:
        body = cancelling(engine, ctx, run, body)
    return StreamingResponse(body, media_type="application/json", headers=location(run, "join") if created else {})


async def ended(engine: Engine, ctx: TenantContext, run: Run) -> None:
    async with aclosing(engine.log.follow_run(ctx, run.run_id, run.thread_id, since=run.events_after)) as batches:
        async for _ in batches:
            pass


def thread_stream(
    request: Request, engine: Engine, ctx: TenantContext, thread_id: UUID, since: int, kinds: Collection[str]
) -> EventSourceResponse:
    """Never ends by itself. Of `kinds`, `run_modes` is all of a run, `lifecycle` how it begins and ends."""
    names = None if "run_modes" in kinds else _FRAMING | ({"values"} if "state_update" in kinds else frozenset())

    async def frames() -> AsyncGenerator[bytes]:
        async with aclosing(engine.log.follow(ctx, thread_id, since=since)) as batches:
            async for batch in batches:
                if chosen := [_of_thread(event) for event in batch if event.name == END or matches(event, names)]:
                    yield b"".join(chosen)

    return event_stream(request, frames())


def _of_thread(event: Event) -> bytes:
    """A run's own stream ends with it; on a thread that goes on, the end has to be said."""
    if event.name != END:
        return frame(event.name, event.data, event.seq)
    return frame("metadata", wire.dumps({"status": "run_done", "run_id": event.run_id}), event.seq)


async def result(engine: Engine, ctx: TenantContext, run: Run) -> str:
    """JSON: the final values, or {"__error__": {"error", "message"}}."""
    last_values: str | None = None
    failure: str | None = None
    async with aclosing(engine.log.follow_run(ctx, run.run_id, run.thread_id, since=run.events_after)) as batches:
        async for batch in batches:
            for event in batch:
                if event.name == "values":
                    last_values = event.data
                elif event.name == "error":
                    failure = event.data
    if failure is not None:
        return f'{{"__error__":{failure}}}'
    if last_values is not None:
        return last_values
    async with engine.database.tenant_transaction(ctx) as connection:
        thread = await threads.get(connection, ctx, run.thread_id, by_role=True)
    return wire.dumps(thread.values)


async def _kept_open(work: Coroutine[Any, Any, str]) -> AsyncGenerator[bytes]:
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait([task], timeout=PING_SECONDS))[0]:
            yield b"\n"
        yield task.result().encode()
    except AtriumError as error:
        # The status has been sent: from here on a failure is part of the answer.
        yield wire.dumps({"__error__": {"error": error.code, "message": error.detail}}).encode()
    finally:
        task.cancel()

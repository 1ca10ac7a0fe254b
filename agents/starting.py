"""Putting a run on a thread, whatever door it comes through, and having it executed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from agents.assistants import assistants
from agents.engine import Engine
from agents.events import batches as event_batches
from agents.events.batches import Event
from agents.modes import first
from agents.runs import runs
from agents.runs.queue import Cancel, Claim
from agents.runs.request import RunRequest
from agents.runs.runs import MultitaskStrategy, Run
from agents.threads import threads, transcript
from agents.webhooks import webhooks
from core.db import Connection
from core.errors import NotFound
from core.tenancy import TenantContext
from graphs.checkpoints import rows


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run that is stored. `claim` when it is executed here, at once; then `opening` are its first events."""

    run: Run
    claim: Claim | None
    opening: list[Event]


async def put(
    engine: Engine,
    connection: Connection,
    ctx: TenantContext,
    assistant: str,
    request: RunRequest,
    *,
    thread_id: UUID | None,
    if_not_exists: Literal["create", "reject"] = "reject",
    by_role: bool = False,
    title: str | None = None,
    metadata: dict[str, Any] | None = None,
    multitask_strategy: MultitaskStrategy = "enqueue",
    after_seconds: float = 0,
    executor: UUID | None = None,
) -> Accepted:
    """In the caller's transaction, after which `go` must follow; without `thread_id` on a thread of its own.

    `assistant` is its id or that of a graph; `executor` is whose place is held for the run. Raises `NotFound`, and
    `Conflict` as `runs.create` does.
    """
    found = await assistants.resolve(connection, ctx, engine.catalog, assistant)
    if thread_id is None:
        thread_id = (await threads.create(connection, ctx, title=title)).thread_id
    else:
        await threads.ensure(connection, ctx, thread_id, if_not_exists=if_not_exists, by_role=by_role)
    await _require_checkpoint(connection, ctx, thread_id, request.checkpoint or {})
    run, claim = await runs.create(
        connection,
        ctx,
        thread_id=thread_id,
        assistant_id=found.assistant_id,
        graph_id=found.graph_id,
        request=request.on(found.config, found.context),
        metadata=metadata,
        multitask_strategy=multitask_strategy,
        after_seconds=after_seconds,
        executor=executor,
    )
    if multitask_strategy == "interrupt":
        await webhooks.defer_of_thread(connection, ctx, thread_id)
    await transcript.record_question(connection, ctx, run, agent_id=engine.catalog.agent_id)
    return Accepted(run, claim, [] if claim is None else await _open(connection, claim, run))


async def go(engine: Engine, ctx: TenantContext, accepted: Accepted) -> None:
    """Executes here what is this process's; tells the others when something waits, or was interrupted for it."""
    run = accepted.run
    if accepted.claim is None:
        await engine.executor.announce_work()
    else:
        engine.executor.execute(accepted.claim, run)
        engine.log.announce(ctx, run.thread_id, accepted.opening)
    if run.multitask_strategy in ("interrupt", "rollback"):
        # Who reads a run that never started learns here that it never will.
        engine.log.wake(ctx, run.thread_id)


async def start_all(
    engine: Engine, ctx: TenantContext, asked: Sequence[tuple[str, RunRequest, dict[str, Any]]]
) -> list[Run]:
    """Each an assistant, a request and the options of `put`: all of them, or none."""
    async with engine.database.tenant_transaction(ctx) as connection:
        accepted = [
            await put(engine, connection, ctx, assistant, request, **options) for assistant, request, options in asked
        ]
    for each in accepted:
        await go(engine, ctx, each)
    return [each.run for each in accepted]


async def start(
    engine: Engine,
    ctx: TenantContext,
    assistant: str,
    request: RunRequest,
    *,
    place_required: bool = False,
    **options: Any,
) -> Accepted:
    """`put` in a transaction of its own, and `go`. Raises `Unavailable` when a place is required and none free."""
    with engine.executor.place(required=place_required) as executor:
        async with engine.database.tenant_transaction(ctx, prepared=True) as connection:
            accepted = await put(engine, connection, ctx, assistant, request, executor=executor, **options)
        await go(engine, ctx, accepted)
    return accepted


async def cancel(
    engine: Engine, ctx: TenantContext, thread_id: UUID, run_ids: list[UUID], action: Cancel, *, by_role: bool = False
) -> None:
    """What has ended stays as it is. Raises `NotFound` for a thread or run that the caller does not reach."""
    async with engine.database.tenant_transaction(ctx) as connection:
        await threads.lock(connection, ctx, thread_id, by_role=by_role)
        for run_id in run_ids:
            await runs.get(connection, ctx, thread_id, run_id)
        await runs.cancel(connection, ctx, thread_id, run_ids, action)
        await webhooks.defer_of_thread(connection, ctx, thread_id)
    await engine.executor.announce_work()
    engine.log.wake(ctx, thread_id)


async def _require_checkpoint(
    connection: Connection, ctx: TenantContext, thread_id: UUID, named: Mapping[str, Any]
) -> None:
    """LangGraph would begin anew, as if the thread had lost its memory."""
    if (checkpoint_id := named.get("checkpoint_id")) is not None and not await rows.exists(
        connection, ctx, str(thread_id), named.get("checkpoint_ns", ""), checkpoint_id
    ):
        raise NotFound("checkpoint")


async def _open(connection: Connection, claim: Claim, run: Run) -> list[Event]:
    """Stores what the run says first: whoever reads it need not wait until it is executed."""
    said = first(run, 1)
    newest = await event_batches.append(connection, claim.ctx, claim.fence, run.run_id, said)
    return event_batches.numbered(newest, run.run_id, said)

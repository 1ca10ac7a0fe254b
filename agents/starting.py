"""Putting a run on a thread, whatever door it comes through, and having it executed."""

from typing import Any, Literal
from uuid import UUID

from agents.assistants import assistants
from agents.engine import Engine
from agents.runs import runs
from agents.runs.queue import Cancel, Claim
from agents.runs.request import RunRequest
from agents.runs.runs import MultitaskStrategy, Run
from agents.threads import threads, transcript
from agents.webhooks import webhooks
from core.db import Connection
from core.tenancy import TenantContext


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
) -> tuple[Run, Claim | None]:
    """In the caller's transaction, after which `go` must follow; without `thread_id` on a thread of its own.

    `assistant` is its id or that of a graph. Raises `NotFound`, and `Conflict` as `runs.create` does.
    """
    found = await assistants.resolve(connection, ctx, engine.catalog, assistant)
    if thread_id is None:
        thread_id = (await threads.create(connection, ctx, title=title)).thread_id
    else:
        await threads.ensure(connection, ctx, thread_id, if_not_exists=if_not_exists, by_role=by_role)
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
        executor=engine.executor.id if engine.executor.has_room else None,
    )
    if multitask_strategy == "interrupt":
        await webhooks.defer_of_thread(connection, ctx, thread_id)
    await transcript.record_question(connection, ctx, run, agent_id=engine.catalog.agent_id)
    return run, claim


async def go(engine: Engine, claim: Claim | None, run: Run | None = None) -> None:
    """Executes here what is this process's; tells the others when something waits, or was interrupted for it."""
    if claim is not None:
        engine.executor.execute(claim, run)
    else:
        await engine.executor.announce_work()


async def start(engine: Engine, ctx: TenantContext, assistant: str, request: RunRequest, **options: Any) -> Run:
    """`put` in a transaction of its own, and `go`."""
    async with engine.database.tenant_transaction(ctx, prepared=True) as connection:
        run, claim = await put(engine, connection, ctx, assistant, request, **options)
    await go(engine, claim, run)
    if run.multitask_strategy in ("interrupt", "rollback"):
        # Who reads a run that never started learns here that it never will.
        engine.log.wake(ctx, run.thread_id)
    return run


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

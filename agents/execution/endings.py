"""How a run ends: as what, with which last events, and everything that is written down with it, at once."""

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import UsageMetadataCallbackHandler
from langgraph.types import StateSnapshot
from psycopg import AsyncCursor
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from agents import wire
from agents.events import batches as event_batches
from agents.events.log import END, EventLog
from agents.modes import last
from agents.runs import queue, runs
from agents.runs.queue import Cancel, Claim
from agents.runs.runs import Run, Status
from agents.threads import transcript
from agents.webhooks import webhooks
from core.db import Connection, Database
from core.errors import AtriumError, Unavailable
from core.telemetry import frames
from core.tenancy import TenantContext
from graphs.fence import Fenced
from tenants import usage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """`code` and `detail` are set when the run did not succeed; `rolls_back` removes every trace of it."""

    status: Status
    code: str | None = None
    detail: str | None = None
    rolls_back: bool = False


SUCCESS = Ending("success")
INTERRUPTED = Ending("interrupted", "cancelled", "The run was cancelled.")
ROLLED_BACK = Ending("interrupted", "rolled_back", "The run was rolled back.", rolls_back=True)
TIMED_OUT = Ending("timeout", "run_timeout", "The run took too long; ask again, or ask for less at once.")
GAVE_UP = Ending(
    "error", "executor_lost", "The processes that executed this run ended each time; nothing more is tried."
)

UNSTORABLE = Ending(
    "error", "values_unstorable", "The graph's values hold text that cannot be stored, such as a NUL character."
)


def cancelled(action: Cancel) -> Ending:
    return ROLLED_BACK if action == "rollback" else INTERRUPTED


def leaves_run_unfinished(error: Exception) -> bool:
    """Whether it is our stores that failed, or our claim that is lost: the run then goes on elsewhere."""
    return isinstance(error, Fenced) or (isinstance(error, Unavailable) and error.code == "database_unavailable")


def failed(error: Exception, run: Run) -> Ending:
    """Of an error that is not ours clients learn the type, and the log the frames as well."""
    if isinstance(error, TimeoutError):
        return TIMED_OUT
    if isinstance(error, AtriumError):
        return Ending("error", error.code, error.detail)
    log.error("a run failed", extra={"run_id": run.run_id, "exception": frames(error)})
    return Ending("error", type(error).__name__, wire.told(error, run.run_id))


async def end(
    database: Database,
    event_log: EventLog,
    agent_id: str,
    claim: Claim,
    run: Run,
    ending: Ending,
    snapshot: StateSnapshot | None,
    *,
    unwritten: list[tuple[str, str]],
    tokens: UsageMetadataCallbackHandler,
) -> bool:
    """One transaction: the last events, the run's and its thread's rows, the answer, usage, and the webhook.

    Whether another run waits for the thread. Raises `Fenced`.
    """
    ctx = claim.ctx
    interrupts = {} if snapshot is None else _interrupts_of(snapshot)
    events = [
        *unwritten,
        *last(run, ending.status, ending.code, ending.detail, tokens.usage_metadata, waits=bool(interrupts)),
        (END, wire.dumps({"run_id": run.run_id, "status": ending.status})),
    ]
    # Whether there is a webhook to tell is counted, which a pipeline cannot before it ends.
    begin = database.tenant_pipeline if run.request.webhook is None else database.tenant_transaction
    async with begin(ctx) as connection:
        # First the thread, then its head, then the queue: whoever locks them does so in this order.
        await _lock(connection, ctx, run.thread_id)
        newest = await event_batches.append(connection, ctx, claim.fence, run.run_id, events)
        await queue.remove(connection, ctx, run.run_id)
        await _record_usage(connection, ctx, run.run_id, tokens)
        settled = await _settle_thread(connection, ctx, run, ending, snapshot, interrupts)
        if ending.rolls_back:
            await runs.delete_row(connection, ctx, run.run_id)
        else:
            await runs.end(connection, ctx, run.run_id, ending.status, ending.code, ending.detail)
            if ending is SUCCESS and snapshot is not None and not snapshot.next:
                await transcript.record_answer(connection, ctx, run, snapshot.values, agent_id=agent_id)
            if run.request.webhook is not None:
                await webhooks.defer(connection, ctx, run.run_id)
    event_log.announce(ctx, run.thread_id, event_batches.numbered(newest, run.run_id, events))
    thread = await settled.fetchone()
    return thread is not None and thread["status"] == "busy"


async def _lock(connection: Connection, ctx: TenantContext, thread_id: UUID) -> None:
    """A thread that is gone has no head either, so that nothing is appended to it."""
    await connection.execute(
        "SELECT FROM threads WHERE tenant_id = %s AND thread_id = %s FOR NO KEY UPDATE", (ctx.tenant_id, thread_id)
    )


async def _settle_thread(
    connection: Connection,
    ctx: TenantContext,
    run: Run,
    ending: Ending,
    snapshot: StateSnapshot | None,
    interrupts: dict[str, Any],
) -> AsyncCursor[DictRow]:
    """Where its new status is fetched from. Without a snapshot the thread still waits for what it waited for."""
    error = {"error": ending.code, "message": ending.detail} if ending.status in ("error", "timeout") else None
    # Also one that was cancelled in the middle: with input None it goes on from there.
    waits = bool(interrupts) or (snapshot is not None and bool(snapshot.next))
    return await connection.execute(
        "UPDATE threads t SET error = %(error)s, values = coalesce(%(values)s::jsonb, values), "
        "interrupts = coalesce(%(interrupts)s::jsonb, interrupts), updated_at = now(), state_updated_at = now(), "
        "expires_at = CASE WHEN %(temporary)s THEN now() ELSE expires_at END, status = CASE "
        "WHEN EXISTS (SELECT FROM run_queue q WHERE q.tenant = t.tenant_id AND q.thread_id = t.thread_id) "
        "THEN 'busy' WHEN %(status)s::text = 'idle' AND %(interrupts)s::jsonb IS NULL AND interrupts <> '{}' "
        "THEN 'interrupted' ELSE %(status)s::text END "
        "WHERE tenant_id = %(tenant_id)s AND thread_id = %(thread_id)s RETURNING status",
        {
            "error": None if error is None else Jsonb(error),
            "values": None if snapshot is None else wire.dumps(snapshot.values),
            "interrupts": None if snapshot is None else wire.dumps(interrupts),
            "temporary": run.request.on_completion == "delete",
            "status": "error" if error else "interrupted" if waits else "idle",
            "tenant_id": ctx.tenant_id,
            "thread_id": run.thread_id,
        },
    )


def _interrupts_of(snapshot: StateSnapshot) -> dict[str, Any]:
    """Of each task that waits for an answer, by the task's id."""
    return {task.id: list(task.interrupts) for task in snapshot.tasks if task.interrupts}


async def _record_usage(
    connection: Connection, ctx: TenantContext, run_id: UUID, tokens: UsageMetadataCallbackHandler
) -> None:
    for model, count in tokens.usage_metadata.items():
        await usage.record(
            connection,
            ctx,
            run_id=run_id,
            kind="chat",
            model=model,
            input_tokens=count["input_tokens"],
            output_tokens=count["output_tokens"],
        )

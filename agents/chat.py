"""Asking: a question is accepted, or recognised as one that was asked before, and its events follow."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from agents import replay, runs
from agents.events import RunEvent
from agents.runner import Runner
from agents.runs import Run
from core.db import Database
from core.tenancy import TenantContext
from retrieval import knowledge_bases
from tenants import idempotency


async def ask(
    database: Database,
    runner: Runner,
    ctx: TenantContext,
    question: str,
    *,
    thread_id: UUID | None = None,
    knowledge_base_ids: tuple[UUID, ...] | None = None,
    idempotency_key: str | None = None,
) -> AsyncIterator[RunEvent]:
    """The events of the answer. When this returns, the question is stored and the run has started.

    Raises before anything streams: `NotFound`, `Conflict` while the thread is busy, `Unavailable` when full.
    """
    await knowledge_bases.require_all(database, ctx, knowledge_base_ids)
    with runner.place():
        async with database.tenant_transaction(ctx) as connection:

            async def work() -> dict[str, Any]:
                run = await runs.accept(
                    connection, ctx, question, thread_id=thread_id, knowledge_base_ids=knowledge_base_ids
                )
                return {"run_id": str(run.run_id), "thread_id": str(run.thread_id)}

            accepted, repeated = await idempotency.once(
                connection,
                ctx,
                operation="chat",
                key=idempotency_key,
                request_hash=_hash(question, thread_id, knowledge_base_ids),
                work=work,
            )
        run = Run(UUID(accepted["run_id"]), UUID(accepted["thread_id"]), question, knowledge_base_ids)
        return await replay.events(database, ctx, run) if repeated else runner.start(ctx, run)


def _hash(question: str, thread_id: UUID | None, knowledge_base_ids: tuple[UUID, ...] | None) -> bytes:
    asked = [question, str(thread_id), [str(id_) for id_ in knowledge_base_ids or ()]]
    return hashlib.sha256(json.dumps(asked).encode()).digest()

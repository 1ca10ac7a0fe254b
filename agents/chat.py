"""Asking: a question becomes a run of the built-in graph, or is recognised as one that was asked before."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents import starting
from agents.engine import Engine
from agents.events.batches import Event
from agents.runs.request import RunRequest
from agents.starting import Accepted
from agents.threads import transcript
from core.tenancy import TenantContext
from retrieval import knowledge_bases
from tenants import idempotency


@dataclass(frozen=True, slots=True)
class Asked:
    """The events of the answer are numbered from `events_after` on; the first of them are its `opening`."""

    run_id: UUID
    thread_id: UUID
    events_after: int = 0
    opening: Sequence[Event] = ()


async def ask(
    engine: Engine,
    ctx: TenantContext,
    question: str,
    *,
    thread_id: UUID | None = None,
    knowledge_base_ids: tuple[UUID, ...] | None = None,
    idempotency_key: str | None = None,
) -> Asked:
    """When this returns, the question is stored and its run has started; `engine.log` has the events.

    Raises `NotFound`, `Conflict` while the thread is busy, `Unavailable` when full.
    """
    await knowledge_bases.require_all(engine.database, ctx, knowledge_base_ids)
    started: list[Accepted] = []
    with ExitStack() as held:
        async with engine.database.tenant_transaction(ctx) as connection:

            async def work() -> dict[str, Any]:
                executor = held.enter_context(engine.executor.place(required=True))
                accepted = await starting.put(
                    engine,
                    connection,
                    ctx,
                    engine.catalog.agent_id,
                    _request(question, knowledge_base_ids),
                    thread_id=thread_id,
                    title=transcript.title_from(question),
                    multitask_strategy="reject",
                    executor=executor,
                )
                started.append(accepted)
                return {"run_id": str(accepted.run.run_id), "thread_id": str(accepted.run.thread_id)}

            known, _ = await idempotency.once(
                connection,
                ctx,
                operation="chat",
                key=idempotency_key,
                request_hash=_hash(question, thread_id, knowledge_base_ids),
                work=work,
            )
        for accepted in started:
            await starting.go(engine, ctx, accepted)
            run = accepted.run
            return Asked(run.run_id, run.thread_id, run.events_after, accepted.opening)
    return Asked(UUID(known["run_id"]), UUID(known["thread_id"]))


def _request(question: str, knowledge_base_ids: tuple[UUID, ...] | None) -> RunRequest:
    context = {} if knowledge_base_ids is None else {"knowledge_base_ids": [str(id_) for id_ in knowledge_base_ids]}
    message = {"type": "human", "content": question}
    return RunRequest(input={"messages": [message]}, context=context, stream_mode=("chat",))


def _hash(question: str, thread_id: UUID | None, knowledge_base_ids: tuple[UUID, ...] | None) -> bytes:
    asked = [question, str(thread_id), [str(id_) for id_ in knowledge_base_ids or ()]]
    return hashlib.sha256(json.dumps(asked).encode()).digest()

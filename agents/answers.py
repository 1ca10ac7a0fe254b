"""The answer of a run of the built-in graph, as it was stored when the run ended."""

from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from agents.chat import Asked
from agents.engine import Engine
from agents.modes.chat_events import RunFailed, Usage
from core.errors import AtriumError, Conflict, Invalid, Unavailable
from core.tenancy import TenantContext
from graphs.state import Citation, Source


@dataclass(frozen=True, slots=True)
class Answer:
    run_id: UUID
    thread_id: UUID
    answer: str
    sources: list[Source]
    citations: list[Citation]
    usage: list[Usage]


async def answer(engine: Engine, ctx: TenantContext, asked: Asked) -> Answer:
    """Waits until the run has ended. Raises what it failed with, as `Unavailable` unless it is a defect of ours.

    Raises `Conflict` when it has not ended because somebody has to decide or to answer first.
    """
    failure: RunFailed | None = None
    waits = False
    async with aclosing(
        engine.log.follow_run(ctx, asked.run_id, asked.thread_id, since=asked.events_after)
    ) as batches:
        async for batch in batches:
            for event in batch:
                if event.name == "run_failed":
                    failure = RunFailed.model_validate_json(event.data)
                waits = waits or event.name == "interrupt"
    if failure is not None:
        raise _raised(failure.code)(failure.detail, code=failure.code)
    if waits:
        raise Conflict(
            f"The run waits for a person: /v1/approvals lists what, and /threads/{asked.thread_id}/runs resumes it.",
            code="decision_needed",
        )
    return await _stored(engine, ctx, asked)


def _raised(code: str) -> type[AtriumError]:
    """Whose the failure is: ours, the caller's, or that of something that may work later."""
    if code == "internal_error":
        return AtriumError
    return Invalid if code == Invalid.code else Unavailable


async def _stored(engine: Engine, ctx: TenantContext, asked: Asked) -> Answer:
    async with engine.database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            "SELECT content AS answer, sources, citations FROM messages "
            "WHERE tenant_id = %s AND run_id = %s AND role = 'assistant'",
            (ctx.tenant_id, asked.run_id),
        )
        row = await rows.fetchone()
        used = await connection.execute(
            "SELECT model, input_tokens, output_tokens FROM usage_records WHERE tenant_id = %s AND run_id = %s",
            (ctx.tenant_id, asked.run_id),
        )
        counts = [Usage(**count) for count in await used.fetchall()]
    if row is None:
        raise Unavailable("The answer was cut off; ask again.", code="run_interrupted")
    return Answer(asked.run_id, asked.thread_id, usage=counts, **row)

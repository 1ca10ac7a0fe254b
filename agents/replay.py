"""The events of a run that has ended, told again from its rows."""

from collections.abc import AsyncIterator
from uuid import UUID

from agents.events import Citation, RunEnded, RunEvent, RunFailed, RunStarted, Sources, Token, Usage
from agents.runs import Run
from core.db import Connection, Database
from core.errors import Conflict, NotFound
from core.tenancy import TenantContext


async def events(database: Database, ctx: TenantContext, run: Run) -> AsyncIterator[RunEvent]:
    """The answer comes as one token. Raises `Conflict` while the run is still going."""
    async with database.tenant_transaction(ctx) as connection:
        told = await _tell(connection, ctx, run)
    return _each(told)


async def _each(told: list[RunEvent]) -> AsyncIterator[RunEvent]:
    for event in told:
        yield event


async def _tell(connection: Connection, ctx: TenantContext, run: Run) -> list[RunEvent]:
    rows = await connection.execute(
        "SELECT status, coalesce(error_code, 'process_died') AS error_code, lease_until < now() AS abandoned "
        "FROM runs WHERE tenant_id = %s AND run_id = %s",
        (ctx.tenant_id, run.run_id),
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("run")
    if row["status"] == "running" and not row["abandoned"]:
        raise Conflict("The first request with this Idempotency-Key is still being answered.", code="run_in_progress")
    started = RunStarted(run_id=run.run_id, thread_id=run.thread_id)
    if row["status"] != "success":
        detail = "The first request with this Idempotency-Key ended like this; ask again with a new key."
        return [started, RunFailed(run_id=run.run_id, code=row["error_code"], detail=detail)]
    return [started, *await _answer(connection, ctx, run), RunEnded(run_id=run.run_id)]


async def _answer(connection: Connection, ctx: TenantContext, run: Run) -> list[RunEvent]:
    rows = await connection.execute(
        "SELECT content, sources, citations FROM messages "
        "WHERE tenant_id = %s AND run_id = %s AND role = 'assistant'",
        (ctx.tenant_id, run.run_id),
    )
    answer = await rows.fetchone()
    assert answer is not None, "a run succeeds together with its answer"
    return [
        Sources(question=run.question, sources=answer["sources"]),
        Token(text=answer["content"]),
        *(Citation(citation=citation) for citation in answer["citations"]),
        *await _usage(connection, ctx, run.run_id),
    ]


async def _usage(connection: Connection, ctx: TenantContext, run_id: UUID) -> list[RunEvent]:
    rows = await connection.execute(
        "SELECT model, input_tokens, output_tokens FROM usage_records WHERE tenant_id = %s AND run_id = %s",
        (ctx.tenant_id, run_id),
    )
    return [Usage(**row) for row in await rows.fetchall()]

"""Runs as rows: accepted with the question in one transaction, ended with the answer in another."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID, uuid4

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from agents import threads
from core.db import Connection, Database
from core.errors import Conflict
from core.tenancy import TenantContext
from graphs.state import Citation, Source
from tenants import usage

LEASE_SECONDS = 15

Failure = Literal["error", "timeout", "interrupted"]


@dataclass(frozen=True, slots=True)
class Run:
    """A question accepted on a thread."""

    run_id: UUID
    thread_id: UUID
    question: str
    knowledge_base_ids: tuple[UUID, ...] | None


@dataclass(frozen=True, slots=True)
class TokenCount:
    model: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    sources: list[Source] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)


async def accept(
    connection: Connection,
    ctx: TenantContext,
    question: str,
    *,
    thread_id: UUID | None,
    knowledge_base_ids: tuple[UUID, ...] | None,
) -> Run:
    """Raises `Conflict` while another run is answering on the thread."""
    if thread_id is None:
        thread_id = await threads.create(connection, ctx, question)
    else:
        await threads.lock(connection, ctx, thread_id)
        await _end_abandoned(connection, ctx, thread_id)
    run = Run(uuid4(), thread_id, question, knowledge_base_ids)
    try:
        await connection.execute(
            "INSERT INTO runs (tenant_id, run_id, thread_id, lease_until) "
            "VALUES (%s, %s, %s, now() + make_interval(secs => %s))",
            (ctx.tenant_id, run.run_id, thread_id, LEASE_SECONDS),
        )
    except UniqueViolation as exc:
        detail = "This thread is answering another message; wait for it to end."
        raise Conflict(detail, code="thread_busy") from exc
    await connection.execute(
        "INSERT INTO messages (tenant_id, thread_id, run_id, role, content) VALUES (%s, %s, %s, 'user', %s)",
        (ctx.tenant_id, thread_id, run.run_id, question),
    )
    return run


async def renew_lease(database: Database, ctx: TenantContext, run: Run) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "UPDATE runs SET lease_until = now() + make_interval(secs => %s) WHERE tenant_id = %s AND run_id = %s",
            (LEASE_SECONDS, ctx.tenant_id, run.run_id),
        )


async def succeed(database: Database, ctx: TenantContext, run: Run, answer: Answer, counts: list[TokenCount]) -> None:
    """Raises `Conflict` when the run has been ended meanwhile, by its lease or with its thread."""
    async with database.tenant_transaction(ctx) as connection:
        if not await _end(connection, ctx, run, "success", None):
            raise Conflict("This run was ended before its answer was complete; ask again.", code="run_superseded")
        await connection.execute(
            "INSERT INTO messages (tenant_id, thread_id, run_id, role, content, sources, citations) "
            "VALUES (%s, %s, %s, 'assistant', %s, %s, %s)",
            (
                ctx.tenant_id,
                run.thread_id,
                run.run_id,
                answer.text,
                Jsonb(answer.sources),
                Jsonb(answer.citations),
            ),
        )
        await _record(connection, ctx, run, counts)


async def fail(
    database: Database, ctx: TenantContext, run: Run, status: Failure, code: str, counts: list[TokenCount]
) -> None:
    """What the model was asked before it failed is still counted; a run that has ended stays as it is."""
    async with database.tenant_transaction(ctx) as connection:
        if await _end(connection, ctx, run, status, code):
            await _record(connection, ctx, run, counts)


async def _end(connection: Connection, ctx: TenantContext, run: Run, status: str, error_code: str | None) -> bool:
    """Whether it was this call that ended the run."""
    ended = await connection.execute(
        "UPDATE runs SET status = %s, error_code = %s, ended_at = now() "
        "WHERE tenant_id = %s AND run_id = %s AND status = 'running'",
        (status, error_code, ctx.tenant_id, run.run_id),
    )
    await connection.execute(
        "UPDATE threads SET updated_at = now() WHERE tenant_id = %s AND thread_id = %s",
        (ctx.tenant_id, run.thread_id),
    )
    return ended.rowcount == 1


async def _end_abandoned(connection: Connection, ctx: TenantContext, thread_id: UUID) -> None:
    """A process that died with a run leaves it running; its lease says when to stop believing that."""
    await connection.execute(
        "UPDATE runs SET status = 'interrupted', error_code = 'process_died', ended_at = now() "
        "WHERE tenant_id = %s AND thread_id = %s AND status = 'running' AND lease_until < now()",
        (ctx.tenant_id, thread_id),
    )


async def _record(connection: Connection, ctx: TenantContext, run: Run, counts: list[TokenCount]) -> None:
    for count in counts:
        await usage.record(
            connection,
            ctx,
            run_id=run.run_id,
            kind="chat",
            model=count.model,
            input_tokens=count.input_tokens,
            output_tokens=count.output_tokens,
        )

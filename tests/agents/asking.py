"""A question asked the way the API asks it, and what is stored of it."""

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from agents import chat
from agents.chat import Asked
from agents.engine import Engine
from agents.events.log import END
from agents.modes.chat_events import RunEvent, RunFailed, RunStarted, Token
from core.db import Database
from core.tenancy import TenantContext

RUN_EVENT: TypeAdapter[RunEvent] = TypeAdapter(RunEvent)


async def ask(engine: Engine, ctx: TenantContext, question: str, thread_id: UUID | None = None) -> list[RunEvent]:
    return await told(engine, ctx, await chat.ask(engine, ctx, question, thread_id=thread_id))


async def told(engine: Engine, ctx: TenantContext, asked: Asked) -> list[RunEvent]:
    """All events of a run, from its first to its end."""
    batches = engine.log.follow_run(ctx, asked.run_id, asked.thread_id, since=0)
    return [RUN_EVENT.validate_json(event.data) async for batch in batches for event in batch if event.name != END]


def thread_of(events: list[RunEvent]) -> UUID:
    assert isinstance(events[0], RunStarted)
    return events[0].thread_id


def answer_of(events: list[RunEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def failure_of(events: list[RunEvent]) -> RunFailed:
    """The last event; no other is a failure."""
    *before, last = events
    assert isinstance(last, RunFailed), last
    assert not any(isinstance(event, RunFailed) for event in before)
    return last


async def rows(database: Database, ctx: TenantContext, table: str) -> list[dict[str, Any]]:
    """`runs`, `messages` or `usage_records` of the tenant, oldest first."""
    assert table in ("runs", "messages", "usage_records")
    async with database.tenant_transaction(ctx) as connection:
        found = await connection.execute(f"SELECT * FROM {table} ORDER BY created_at")
        return await found.fetchall()

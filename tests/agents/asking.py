"""A question asked the way the API asks it, and what is stored of it."""

from typing import Any
from uuid import UUID

from agents import chat
from agents.events import RunEvent, RunFailed, RunStarted, Token
from agents.runner import Runner
from core.db import Database
from core.tenancy import TenantContext


async def ask(
    database: Database, runner: Runner, ctx: TenantContext, question: str, thread_id: UUID | None = None
) -> list[RunEvent]:
    return [event async for event in await chat.ask(database, runner, ctx, question, thread_id=thread_id)]


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

"""A run that never starts has ended too: its webhook is told, once."""

from typing import Any
from uuid import uuid4

import pytest

from agents import starting
from agents.engine import Engine
from agents.runs.request import RunRequest
from agents.runs.runs import Run
from core.tenancy import TenantContext
from tests.agents.conftest import NewEngine
from tests.agents.gates import Gates
from tests.agents.scripted_model import ScriptedModel


@pytest.fixture
async def engine(new_engine: NewEngine) -> Engine:
    return await new_engine(ScriptedModel(script=[]), Gates().graphs())


@pytest.fixture
async def waiting(engine: Engine, acme: TenantContext) -> Run:
    """Behind a run that goes on until its engine leaves."""
    first = await ask(engine, acme, thread_id=uuid4(), if_not_exists="create")
    return await ask(engine, acme, "https://hooks.example.com/", thread_id=first.thread_id)


async def ask(engine: Engine, ctx: TenantContext, webhook: str | None = None, **options: Any) -> Run:
    asked = RunRequest(input={"steps": ["a"]}, webhook=webhook)
    return (await starting.start(engine, ctx, "gated", asked, **options)).run


async def told(engine: Engine, ctx: TenantContext) -> list[tuple[Any, ...]]:
    """Run, status and jobs of each delivery that is to come."""
    async with engine.database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            "SELECT run_id, payload->>'status' AS status, (SELECT count(*) FROM procrastinate_jobs "
            "WHERE task_name = 'deliver_webhook' AND args->>'run_id' = run_id::text) AS jobs FROM webhook_deliveries"
        )
        return [tuple(row.values()) for row in await rows.fetchall()]


async def test_of_a_run_that_is_cancelled_before_it_starts(engine: Engine, acme: TenantContext, waiting: Run) -> None:
    for _ in range(2):
        await starting.cancel(engine, acme, waiting.thread_id, [waiting.run_id], "interrupt")
    assert await told(engine, acme) == [(waiting.run_id, "interrupted", 1)]


async def test_of_a_run_that_is_displaced_before_it_starts(engine: Engine, acme: TenantContext, waiting: Run) -> None:
    await ask(engine, acme, thread_id=waiting.thread_id, multitask_strategy="interrupt")
    assert await told(engine, acme) == [(waiting.run_id, "interrupted", 1)]


async def test_not_of_a_run_that_is_rolled_back(engine: Engine, acme: TenantContext, waiting: Run) -> None:
    await starting.cancel(engine, acme, waiting.thread_id, [waiting.run_id], "rollback")
    assert await told(engine, acme) == []

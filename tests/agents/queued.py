"""Runs that wait on a thread, as any door puts them there."""

from typing import Any
from uuid import UUID, uuid4

from agents.runs import runs
from agents.runs.request import RunRequest
from agents.runs.runs import Run
from core.db import Database
from core.tenancy import TenantContext


async def queued(
    database: Database, ctx: TenantContext, thread_id: UUID, given: Any = None, *, graph_id: str = "agent"
) -> Run:
    """With `given` as its input."""
    async with database.tenant_transaction(ctx) as connection:
        run, _ = await runs.create(
            connection,
            ctx,
            thread_id=thread_id,
            assistant_id=uuid4(),
            graph_id=graph_id,
            request=RunRequest(input=given),
        )
    return run

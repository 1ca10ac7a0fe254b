"""Runs that wait on a thread, as any door puts them there."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from agents import runs
from agents.assistants import Assistant
from agents.run_request import RunRequest
from agents.runs import Run
from core.db import Database
from core.tenancy import TenantContext


def assistant(graph_id: str = "agent") -> Assistant:
    now = datetime.now(UTC)
    return Assistant(uuid4(), graph_id, graph_id, None, {}, {}, {}, 1, now, now)


async def queued(
    database: Database, ctx: TenantContext, thread_id: UUID, given: Any = None, *, graph_id: str = "agent"
) -> Run:
    """With `given` as its input."""
    async with database.tenant_transaction(ctx) as connection:
        run, _ = await runs.create(
            connection, ctx, thread_id=thread_id, assistant=assistant(graph_id), request=RunRequest(input=given)
        )
    return run

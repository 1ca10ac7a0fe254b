"""Writing to a thread's log without an execution."""

from collections.abc import Sequence
from uuid import UUID

from agents.events import batches as event_batches
from agents.events.log import EventLog
from core.tenancy import TenantContext
from graphs.fence import Fence


async def append(
    log: EventLog, ctx: TenantContext, fence: Fence, run_id: UUID, events: Sequence[tuple[str, str]]
) -> int:
    """One batch, as soon as it is stored told to the log's readers; returns the number of its last event."""
    async with log.database.tenant_transaction(ctx) as connection:
        newest = await event_batches.append(connection, ctx, fence, run_id, events)
    log.announce(ctx, fence.thread_id, event_batches.numbered(newest, run_id, events))
    return newest

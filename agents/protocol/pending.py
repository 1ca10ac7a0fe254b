"""What a thread waits for: the interrupts that nobody has answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, LiteralString
from uuid import UUID

from agents.engine import Engine
from agents.events import batches as event_batches
from agents.events.log import END, EventLog
from agents.modes.protocol.envelope import PREFIX
from agents.ownership import REACHED, reach
from core.db import Connection
from core.tenancy import TenantContext

# A client may answer what it was asked before the run that asked has ended.
SETTLE_SECONDS = 5.0
# How far back in the log a run that is about to end may have asked.
_RECENT_EVENTS = 1_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A thread under its lock. `interrupts` are those that wait, the id of each with that of its task.

    `is_asking`: a run has asked and not ended yet; then they are not known. `head` is the newest event's number.
    """

    interrupts: dict[str, str]
    is_asking: bool
    assistant_id: str | None
    head: int


@asynccontextmanager
async def settled(
    engine: Engine, ctx: TenantContext, thread_id: UUID
) -> AsyncIterator[tuple[Connection, Standing | None]]:
    """In a transaction: how the thread stands once no run is asking, or after `SETTLE_SECONDS` all the same.

    None for a thread that does not exist, or that the caller does not reach.
    """
    give_up = monotonic() + SETTLE_SECONDS
    while True:
        async with engine.database.tenant_transaction(ctx) as connection:
            standing = await _standing(connection, ctx, thread_id)
            if standing is None or not standing.is_asking or monotonic() > give_up:
                yield connection, standing
                return
        await _end_of_run(engine.log, ctx, thread_id, since=standing.head, seconds=give_up - monotonic())


_LOCKED: LiteralString = (
    "SELECT status, interrupts, metadata ->> 'assistant_id' AS assistant_id "
    f"FROM threads WHERE {REACHED} AND thread_id = %(thread_id)s FOR UPDATE"
)
_ASKING: LiteralString = """
SELECT FROM run_queue q
JOIN event_batches b ON b.tenant_id = q.tenant AND b.thread_id = q.thread_id AND b.run_id = q.run_id
WHERE q.tenant = %(tenant_id)s AND q.thread_id = %(thread_id)s AND b.last_seq > %(since)s
AND EXISTS (SELECT FROM unnest(b.names) AS name WHERE starts_with(name, %(asks)s)) LIMIT 1
"""


async def _standing(connection: Connection, ctx: TenantContext, thread_id: UUID) -> Standing | None:
    rows = await connection.execute(_LOCKED, {**reach(ctx, by_role=True), "thread_id": thread_id})
    row = await rows.fetchone()
    if row is None:
        return None
    # After the lock: a run that ends takes it too, so its end has either been read or follows `head`.
    head = await event_batches.head(connection, ctx, thread_id)
    busy = row["status"] == "busy"
    return Standing(
        interrupts={} if busy else _by_id(row["interrupts"]),
        is_asking=busy and await _is_asking(connection, ctx, thread_id, head),
        assistant_id=row["assistant_id"],
        head=head,
    )


async def _is_asking(connection: Connection, ctx: TenantContext, thread_id: UUID, head: int) -> bool:
    asking = await connection.execute(
        _ASKING,
        {
            "tenant_id": ctx.tenant_id,
            "thread_id": thread_id,
            "since": head - _RECENT_EVENTS,
            "asks": f"{PREFIX}input.requested",
        },
    )
    return asking.rowcount > 0


def _by_id(interrupts: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    return {each["id"]: task_id for task_id, waiting in interrupts.items() for each in waiting}


async def _end_of_run(log: EventLog, ctx: TenantContext, thread_id: UUID, *, since: int, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(log.follow(ctx, thread_id, since=since)) as batches:
            async for batch in batches:
                if batch[-1].name == END:
                    return

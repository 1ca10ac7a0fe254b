"""The checkpoints behind threads: copied with them, thinned out, and measured."""

from typing import Any, LiteralString
from uuid import UUID

from uuid_utils.compat import uuid7

from agents.ownership import REACHED, reach
from agents.threads import threads
from agents.threads.threads import COLUMNS, Expiry, Thread
from core.db import Connection
from core.errors import NotFound
from core.tenancy import TenantContext
from graphs.checkpoints import retention

_COPY: LiteralString = f"""
WITH copy AS (
    INSERT INTO threads (tenant_id, thread_id, user_id, title, metadata, config, values, interrupts, error, status)
    SELECT tenant_id, %(copy_id)s, %(user_id)s, title, metadata, config, values, interrupts, error,
        CASE WHEN error IS NOT NULL THEN 'error' WHEN interrupts <> '{{}}' THEN 'interrupted' ELSE 'idle' END
    FROM threads WHERE {REACHED} AND thread_id = %(thread_id)s
    RETURNING {COLUMNS}
), head AS (
    INSERT INTO thread_heads (tenant_id, thread_id) SELECT %(tenant_id)s, thread_id FROM copy
)
SELECT * FROM copy
"""


async def copy(connection: Connection, ctx: TenantContext, thread_id: UUID) -> Thread:
    """A thread of the caller's own with the same state and history; its runs, events and messages stay behind.

    Raises `NotFound`.
    """
    rows = await connection.execute(_COPY, {**reach(ctx, by_role=True), "thread_id": thread_id, "copy_id": uuid7()})
    row = await rows.fetchone()
    if row is None:
        raise NotFound("thread")
    copied = Thread(**row)
    await retention.copy(connection, ctx, thread_id, copied.thread_id)
    return copied


async def prune(connection: Connection, ctx: TenantContext, thread_id: UUID, strategy: Expiry) -> None:
    """Deletes the thread, or all of its checkpoints but the newest.

    Raises `NotFound`, and for the latter `Conflict` while a run is on the thread: it goes on from those checkpoints.
    """
    if strategy == "delete":
        await threads.delete(connection, ctx, thread_id, by_role=True)
    else:
        await threads.reserve(connection, ctx, thread_id)
        await retention.keep_latest(connection, ctx, thread_id)


# pg_column_size is what a value takes as it is stored, compressed if it is.
_CHECKPOINTS: LiteralString = (
    "SELECT count(*) AS count, coalesce(sum(pg_column_size(checkpoint) + pg_column_size(metadata)), 0)::bigint "
    "AS bytes FROM checkpoints WHERE tenant_id = %s AND thread_id = %s"
)
_VALUES: LiteralString = (
    "SELECT channel, count(*) AS versions, sum(pg_column_size(piece))::bigint AS bytes "
    "FROM checkpoint_values WHERE tenant_id = %s AND thread_id = %s GROUP BY channel"
)
_WRITES: LiteralString = (
    "SELECT count(*) AS count, coalesce(sum(pg_column_size(blob)), 0)::bigint AS bytes "
    "FROM checkpoint_writes WHERE tenant_id = %s AND thread_id = %s"
)


async def storage(connection: Connection, ctx: TenantContext, thread_id: UUID) -> dict[str, Any]:
    """Bytes, as stored: {total_bytes, checkpoints, channel_values, pending_writes}. Raises `NotFound`."""
    await threads.require(connection, ctx, thread_id, by_role=True)
    place = (ctx.tenant_id, str(thread_id))
    checkpoints = await (await connection.execute(_CHECKPOINTS, place)).fetchone()
    channels = await (await connection.execute(_VALUES, place)).fetchall()
    writes = await (await connection.execute(_WRITES, place)).fetchone()
    assert checkpoints is not None, "a count has a row"
    assert writes is not None, "a count has a row"
    values = {
        "count": sum(row["versions"] for row in channels),
        "bytes": sum(row["bytes"] for row in channels),
        "by_channel": {row["channel"]: {"versions": row["versions"], "bytes": row["bytes"]} for row in channels},
    }
    return {
        "thread_id": thread_id,
        "total_bytes": checkpoints["bytes"] + values["bytes"] + writes["bytes"],
        "checkpoints": checkpoints,
        "channel_values": values,
        "pending_writes": writes,
    }

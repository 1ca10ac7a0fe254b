"""Channels that store their writes instead of their value: what of a checkpoint's past makes the value up."""

from collections.abc import Sequence
from typing import Any, LiteralString

from langgraph.checkpoint.base import DeltaChannelHistory
from langgraph.checkpoint.serde.base import SerializerProtocol

from core.db import Connection
from core.tenancy import TenantContext
from graphs.checkpoints import rows as checkpoint_rows
from graphs.checkpoints.rows import Place

# Up the line of parents, for each channel as far as the nearest checkpoint where its value is stored.
# wanted: the channels whose value no checkpoint below that one holds.
_WALK: LiteralString = """
    WITH RECURSIVE walk AS (
        (SELECT c.parent_checkpoint_id AS checkpoint_id, %(channels)s::text[] AS wanted, 1 AS depth
         FROM checkpoints c
         WHERE c.tenant_id = %(tenant_id)s AND c.thread_id = %(thread_id)s AND c.checkpoint_ns = %(namespace)s
           AND c.checkpoint_id = coalesce(%(checkpoint_id)s::text, c.checkpoint_id)
         ORDER BY c.checkpoint_id DESC LIMIT 1)
        UNION ALL
        SELECT c.parent_checkpoint_id, ARRAY(
            SELECT name FROM unnest(w.wanted) AS missing (name)
            WHERE coalesce(c.checkpoint -> 'channel_values' -> name, 'null') = 'null' AND NOT EXISTS (
                SELECT FROM checkpoint_values v
                WHERE v.tenant_id = c.tenant_id AND v.thread_id = c.thread_id AND v.checkpoint_ns = c.checkpoint_ns
                  AND v.channel = name AND v.version = c.checkpoint -> 'channel_versions' ->> name
            )
        ), w.depth + 1
        FROM walk w JOIN checkpoints c ON c.checkpoint_id = w.checkpoint_id
        WHERE c.tenant_id = %(tenant_id)s AND c.thread_id = %(thread_id)s AND c.checkpoint_ns = %(namespace)s
          AND w.wanted <> '{}'
    )
"""

_STEPS: LiteralString = """
    SELECT checkpoint_id, wanted, lead(wanted) OVER (ORDER BY depth) AS still_wanted FROM walk ORDER BY depth
"""

_WRITES: LiteralString = """
    SELECT w.task_id, w.channel, w.type, w.blob
    FROM walk JOIN checkpoint_writes w ON w.checkpoint_id = walk.checkpoint_id AND w.channel = ANY (walk.wanted)
    WHERE w.tenant_id = %(tenant_id)s AND w.thread_id = %(thread_id)s AND w.checkpoint_ns = %(namespace)s
    ORDER BY walk.depth DESC, w.task_path COLLATE "C", w.task_id COLLATE "C", w.idx
"""


async def ancestors(
    connection: Connection, ctx: TenantContext, place: Place, checkpoint_id: str, channels: Sequence[str]
) -> list[str]:
    """The checkpoints without which the channels' values at `checkpoint_id` could not be made up."""
    if not channels:
        return []
    cursor = await connection.execute(_WALK + _STEPS, _start(ctx, place, checkpoint_id, channels))
    return [step["checkpoint_id"] for step in await cursor.fetchall() if step["checkpoint_id"] and step["wanted"]]


async def history(
    connection: Connection,
    ctx: TenantContext,
    place: Place,
    checkpoint_id: str | None,
    channels: Sequence[str],
    serde: SerializerProtocol,
) -> dict[str, DeltaChannelHistory]:
    """Each channel's writes on the way to the checkpoint, oldest first, and the value they began with, if any.

    `checkpoint_id=None` stands for the newest. What is written at the checkpoint itself is not part of its past.
    """
    found: dict[str, DeltaChannelHistory] = {channel: {"writes": []} for channel in channels}
    start = _start(ctx, place, checkpoint_id, channels)
    steps = await (await connection.execute(_WALK + _STEPS, start)).fetchall()
    for step in steps:
        if step["still_wanted"] is None:
            continue
        if seeded := set(step["wanted"]) - set(step["still_wanted"]):
            seed = checkpoint_rows.at(ctx, place, step["checkpoint_id"])
            row = await (await checkpoint_rows.execute(connection, seed)).fetchone()
            assert row is not None
            values = checkpoint_rows.loaded(row, serde)[0].checkpoint["channel_values"]
            for channel in seeded:
                found[channel]["seed"] = values[channel]
    writes = connection.cursor(binary=True)
    async for write in await writes.execute(_WALK + _WRITES, start):
        value = serde.loads_typed((write["type"], write["blob"]))
        found[write["channel"]]["writes"].append((write["task_id"], write["channel"], value))
    return found


def _start(ctx: TenantContext, place: Place, checkpoint_id: str | None, channels: Sequence[str]) -> dict[str, Any]:
    return {
        "tenant_id": ctx.tenant_id,
        "thread_id": place.thread_id,
        "namespace": place.namespace,
        "checkpoint_id": checkpoint_id,
        "channels": list(channels),
    }

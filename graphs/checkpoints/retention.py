"""Which checkpoints stay: forgetting threads and runs, pruning history, copying a thread.

Call them while no run writes to the thread. Every function works in the caller's transaction.
"""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from core.db import Connection
from core.tenancy import TenantContext
from graphs.checkpoints import delta_channels
from graphs.checkpoints.rows import Place

# LangGraph's name for what wrote the updates of a command.
NULL_TASK_ID = "00000000-0000-0000-0000-000000000000"

# A piece stays as long as some checkpoint's value reaches past its start: newer versions stand on older pieces.
_DELETE_UNREACHED: LiteralString = """
    WITH reached AS (
        SELECT v.checkpoint_ns, v.channel, v.series, max(v.stop) AS stop, array_agg(v.version) AS versions
        FROM checkpoints c
        CROSS JOIN LATERAL jsonb_each_text(c.checkpoint -> 'channel_versions') AS current (channel, version)
        JOIN checkpoint_values v
          ON v.tenant_id = c.tenant_id AND v.thread_id = c.thread_id AND v.checkpoint_ns = c.checkpoint_ns
         AND v.channel = current.channel AND v.version = current.version
        WHERE c.tenant_id = %(tenant_id)s AND c.thread_id = %(thread_id)s
        GROUP BY v.checkpoint_ns, v.channel, v.series
    )
    DELETE FROM checkpoint_values d
    WHERE d.tenant_id = %(tenant_id)s AND d.thread_id = %(thread_id)s AND NOT EXISTS (
        SELECT FROM reached r
        WHERE r.checkpoint_ns = d.checkpoint_ns AND r.channel = d.channel AND r.series = d.series
          AND (d.start < r.stop AND d.start < d.stop OR d.version = ANY (r.versions))
    )
"""

_FORGET_PARENTS: LiteralString = """
    UPDATE checkpoints c SET parent_checkpoint_id = NULL
    WHERE tenant_id = %(tenant_id)s AND thread_id = %(thread_id)s AND parent_checkpoint_id IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM checkpoints p
          WHERE p.tenant_id = c.tenant_id AND p.thread_id = c.thread_id AND p.checkpoint_ns = c.checkpoint_ns
            AND p.checkpoint_id = c.parent_checkpoint_id
      )
"""

_DELETE_RUNS: LiteralString = """
    WITH gone AS (
        DELETE FROM checkpoints
        WHERE tenant_id = %(tenant_id)s AND metadata ->> 'run_id' = ANY (%(run_ids)s)
          AND (%(thread_id)s::text IS NULL OR thread_id = %(thread_id)s)
        RETURNING thread_id, checkpoint_ns, checkpoint_id
    ), unwritten AS (
        DELETE FROM checkpoint_writes w USING gone
        WHERE w.tenant_id = %(tenant_id)s AND w.thread_id = gone.thread_id
          AND w.checkpoint_ns = gone.checkpoint_ns AND w.checkpoint_id = gone.checkpoint_id
    ), elsewhere AS (
        DELETE FROM checkpoint_writes
        WHERE tenant_id = %(tenant_id)s AND run_id = ANY (%(run_ids)s)
          AND (%(thread_id)s::text IS NULL OR thread_id = %(thread_id)s)
    )
    SELECT DISTINCT thread_id FROM gone
"""

_LATEST: LiteralString = """
    SELECT DISTINCT ON (checkpoint_ns) checkpoint_ns, checkpoint_id, metadata
    FROM checkpoints WHERE tenant_id = %s AND thread_id = %s
    ORDER BY checkpoint_ns, checkpoint_id DESC
"""


async def forget(connection: Connection, ctx: TenantContext, thread_id: UUID | str) -> None:
    """Deletes all that is remembered of a thread."""
    for delete in (
        "DELETE FROM checkpoint_writes WHERE tenant_id = %s AND thread_id = %s",
        "DELETE FROM checkpoint_values WHERE tenant_id = %s AND thread_id = %s",
        "DELETE FROM checkpoints WHERE tenant_id = %s AND thread_id = %s",
    ):
        await connection.execute(delete, (ctx.tenant_id, str(thread_id)))


async def forget_runs(
    connection: Connection, ctx: TenantContext, run_ids: Sequence[UUID | str], *, thread_id: UUID | str | None
) -> None:
    """Deletes the checkpoints and writes of these runs. `thread_id=None` searches all of the tenant's: slow."""
    wanted = {
        "tenant_id": ctx.tenant_id,
        "run_ids": [str(run_id) for run_id in run_ids],
        "thread_id": None if thread_id is None else str(thread_id),
    }
    for row in await (await connection.execute(_DELETE_RUNS, wanted)).fetchall():
        await _tidy(connection, ctx, row["thread_id"])


async def forget_command(connection: Connection, ctx: TenantContext, run_id: str, *, thread_id: str) -> None:
    """Deletes the writes of a run that are no task's."""
    await connection.execute(
        "DELETE FROM checkpoint_writes WHERE tenant_id = %s AND thread_id = %s AND run_id = %s AND task_id = %s",
        (ctx.tenant_id, thread_id, run_id, NULL_TASK_ID),
    )


async def keep_latest(connection: Connection, ctx: TenantContext, thread_id: UUID | str) -> None:
    """Deletes a thread's history: what is left is the newest checkpoint of each graph, and what that one needs."""
    thread_id = str(thread_id)
    cursor = await connection.execute(_LATEST, (ctx.tenant_id, thread_id))
    roots: list[str] = []
    for latest in await cursor.fetchall():
        place, metadata = Place(thread_id, latest["checkpoint_ns"]), latest["metadata"]
        channels = list(metadata.get("counters_since_delta_snapshot", ()))
        kept = [latest["checkpoint_id"]]
        kept += await delta_channels.ancestors(connection, ctx, place, latest["checkpoint_id"], channels)
        if not place.namespace:
            roots = kept
        # A subgraph's call, named after its task: without its root checkpoint nothing leads to it any more.
        elif roots and ":" in place.namespace and metadata.get("parents", {}).get("", roots[0]) not in roots:
            kept = []
        for delete in (
            "DELETE FROM checkpoint_writes "
            "WHERE tenant_id = %s AND thread_id = %s AND checkpoint_ns = %s AND checkpoint_id <> ALL (%s)",
            "DELETE FROM checkpoints "
            "WHERE tenant_id = %s AND thread_id = %s AND checkpoint_ns = %s AND checkpoint_id <> ALL (%s)",
        ):
            await connection.execute(delete, (ctx.tenant_id, *place, kept))
    await _tidy(connection, ctx, thread_id)


async def copy(
    connection: Connection, ctx: TenantContext, source_thread_id: UUID | str, target_thread_id: UUID | str
) -> None:
    """All that is remembered of one thread, for another that remembers nothing yet."""
    for insert in (
        "INSERT INTO checkpoints SELECT tenant_id, %s, checkpoint_ns, checkpoint_id, parent_checkpoint_id, "
        "checkpoint, metadata FROM checkpoints WHERE tenant_id = %s AND thread_id = %s",
        "INSERT INTO checkpoint_values SELECT tenant_id, %s, checkpoint_ns, channel, version, series, start, stop, "
        "type, piece FROM checkpoint_values WHERE tenant_id = %s AND thread_id = %s",
        "INSERT INTO checkpoint_writes SELECT tenant_id, %s, checkpoint_ns, checkpoint_id, task_id, idx, channel, "
        "type, blob, task_path, run_id FROM checkpoint_writes WHERE tenant_id = %s AND thread_id = %s",
    ):
        await connection.execute(insert, (str(target_thread_id), ctx.tenant_id, str(source_thread_id)))


async def _tidy(connection: Connection, ctx: TenantContext, thread_id: str) -> None:
    thread = {"tenant_id": ctx.tenant_id, "thread_id": thread_id}
    await connection.execute(_DELETE_UNREACHED, thread)
    await connection.execute(_FORGET_PARENTS, thread)

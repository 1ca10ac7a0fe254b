"""The event log's rows: one for each batch that was appended, numbered by its last event."""

from collections.abc import Sequence
from typing import Final, LiteralString, NamedTuple
from uuid import UUID

from core.db import Connection
from core.tenancy import TenantContext
from graphs.fence import Fence, Fenced

# The last event of a run, data {"run_id", "status", "error"?}; the doors translate it.
END: Final = "end"

PAGE_EVENTS = 500
PAGE_BYTES = 1 << 18
EXPIRE_AT_ONCE = 5_000


class Event(NamedTuple):
    """`seq` counts a thread's events from 1 without gaps; `data` is JSON in one line.

    `name` is a stream mode, followed by the namespace of a subgraph where it has one: `values|child:…`.
    """

    seq: int
    run_id: UUID
    name: str
    data: str


class Page(NamedTuple):
    """Events up to number `upto`, in order; `more` when the thread had newer ones.

    `run_active` says whether the run that was asked for had not ended, at the same moment.
    """

    events: list[Event]
    upto: int
    more: bool
    run_active: bool


def numbered(last_seq: int, run_id: UUID, events: Sequence[tuple[str, str]]) -> list[Event]:
    first_seq = last_seq - len(events) + 1
    return [Event(seq, run_id, name, data) for seq, (name, data) in enumerate(events, first_seq)]


async def append(
    connection: Connection,
    ctx: TenantContext,
    fence: Fence,
    run_id: UUID,
    events: Sequence[tuple[str, str]],
    *,
    after: int | None = None,
) -> int:
    """Stores one or more `(name, data)` and returns the number of the last. Raises `Fenced`.

    When a commit was not answered, ask again with the number that the batch was to follow as `after`:
    it is stored unless it was, since nobody else writes behind this fence.
    """
    names, data = zip(*events, strict=True)
    rows = await connection.execute(
        _APPEND,
        {
            "tenant_id": ctx.tenant_id,
            "thread_id": fence.thread_id,
            "fence": fence.number,
            "run_id": run_id,
            "names": list(names),
            "data": list(data),
            "count": len(events),
            "after": after,
        },
    )
    row = await rows.fetchone()
    if row is not None:
        return int(row["last_seq"])
    if after is None or not await _is_stored(connection, ctx, fence, run_id, after + len(events)):
        raise Fenced
    return after + len(events)


async def read(
    connection: Connection, ctx: TenantContext, thread_id: UUID, *, since: int, run_id: UUID | None = None
) -> Page:
    """What follows event `since`, of one run or of all; a page ends with the batch that fills it."""
    # Text would cost twice the time for arrays.
    cursor = connection.cursor(binary=True)
    await cursor.execute(
        _READ if run_id is None else _READ_RUN,
        {
            "tenant_id": ctx.tenant_id,
            "thread_id": thread_id,
            "run_id": run_id,
            "since": since,
            "page_events": PAGE_EVENTS,
            "page_bytes": PAGE_BYTES,
            "end": END,
        },
    )
    rows = await cursor.fetchall()
    last = rows[-1]
    events = [
        event
        for row in rows
        if row["last_seq"] is not None
        for event in numbered(row["last_seq"], row["run_id"], list(zip(row["names"], row["data"], strict=True)))
        if event.seq > since
    ]
    upto = last["last_seq"] if last["filled"] else max(last["head"], since)
    return Page(events, upto, upto < last["head"], last["run_active"])


async def head(connection: Connection, ctx: TenantContext, thread_id: UUID) -> int:
    """The number of the thread's newest event; 0 when there is none."""
    rows = await connection.execute(
        "SELECT seq FROM thread_heads WHERE tenant_id = %s AND thread_id = %s", (ctx.tenant_id, thread_id)
    )
    row = await rows.fetchone()
    return 0 if row is None else int(row["seq"])


async def expire(connection: Connection, ctx: TenantContext, older_than_seconds: float) -> int:
    """Forgets old batches of runs that have ended; call it again while it returns `EXPIRE_AT_ONCE`."""
    expired = await connection.execute(
        "DELETE FROM event_batches WHERE (tenant_id, thread_id, last_seq) IN ("
        "SELECT tenant_id, thread_id, last_seq FROM event_batches old "
        "WHERE tenant_id = %s AND created_at < now() - make_interval(secs => %s) AND NOT EXISTS ("
        "SELECT FROM run_queue q WHERE q.tenant = old.tenant_id AND q.run_id = old.run_id) "
        "ORDER BY created_at LIMIT %s)",
        (ctx.tenant_id, older_than_seconds, EXPIRE_AT_ONCE),
    )
    return expired.rowcount


async def _is_stored(connection: Connection, ctx: TenantContext, fence: Fence, run_id: UUID, last_seq: int) -> bool:
    found = await connection.execute(
        "SELECT FROM thread_heads JOIN event_batches USING (tenant_id, thread_id) "
        "WHERE tenant_id = %s AND thread_id = %s AND fence = %s AND last_seq = %s AND run_id = %s",
        (ctx.tenant_id, fence.thread_id, fence.number, last_seq, run_id),
    )
    return found.rowcount == 1


_APPEND: LiteralString = """
WITH head AS (
    UPDATE thread_heads SET seq = seq + %(count)s
    WHERE tenant_id = %(tenant_id)s AND thread_id = %(thread_id)s AND fence = %(fence)s
      AND (%(after)s::bigint IS NULL OR seq = %(after)s)
    RETURNING seq
)
INSERT INTO event_batches (tenant_id, thread_id, last_seq, run_id, names, data)
SELECT %(tenant_id)s, %(thread_id)s, seq, %(run_id)s, %(names)b, %(data)b FROM head
RETURNING last_seq
"""

# Row by row until the page is full: to limit only the rows would fetch more bytes than fit, or too few events.
_PAGE: LiteralString = """
WITH RECURSIVE page AS (
    (SELECT last_seq, run_id, names, data, cardinality(names) AS events,
            octet_length(array_to_string(data, '')) AS bytes
     FROM event_batches WHERE {of_thread}{of_run} AND last_seq > %(since)s ORDER BY last_seq LIMIT 1)
    UNION ALL
    SELECT batch.last_seq, batch.run_id, batch.names, batch.data, page.events + cardinality(batch.names),
           page.bytes + octet_length(array_to_string(batch.data, ''))
    FROM page CROSS JOIN LATERAL (
        SELECT last_seq, run_id, names, data FROM event_batches
        WHERE {of_thread}{of_run} AND last_seq > page.last_seq ORDER BY last_seq LIMIT 1
    ) batch
    WHERE page.events < %(page_events)s AND page.bytes < %(page_bytes)s{unless}
)
SELECT last_seq, run_id, names, data, events >= %(page_events)s OR bytes >= %(page_bytes)s AS filled,
       coalesce((SELECT seq FROM thread_heads WHERE {of_thread}), 0) AS head, {run_active} AS run_active
FROM (VALUES (0)) AS always LEFT JOIN page ON true ORDER BY last_seq
"""
_OF_THREAD: LiteralString = "tenant_id = %(tenant_id)s AND thread_id = %(thread_id)s"
_READ: LiteralString = _PAGE.format(of_thread=_OF_THREAD, of_run="", unless="", run_active="false")
_READ_RUN: LiteralString = _PAGE.format(
    of_thread=_OF_THREAD,
    of_run=" AND run_id = %(run_id)s",
    # Behind a run's end there are other runs, maybe many.
    unless=" AND page.names[cardinality(page.names)] <> %(end)s",
    run_active=(
        f"EXISTS (SELECT FROM runs WHERE {_OF_THREAD} AND run_id = %(run_id)s AND status IN ('pending', 'running'))"
    ),
)

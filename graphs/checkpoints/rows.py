"""Checkpoints as rows: the statements that write one, and the one query that reads them."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, LiteralString, NamedTuple, cast

import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    copy_checkpoint,
    writes_sort_key,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg import AsyncCursor
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from core.db import Connection
from core.tenancy import TenantContext
from graphs.checkpoints.series import LIST, Piece, Tail, as_list
from graphs.fence import Fence

Statement = tuple[LiteralString, list[Any]]

_LIST = LIST.encode()
# Of ten parameters each; the protocol counts parameters in 16 bits.
_ROWS_AT_ONCE = 500


class Place(NamedTuple):
    """Where a graph's checkpoints stand. `namespace`: empty, or the path to a subgraph."""

    thread_id: str
    namespace: str

    @classmethod
    def of(cls, config: RunnableConfig) -> "Place":
        configurable = config["configurable"]
        return cls(str(configurable["thread_id"]), configurable.get("checkpoint_ns", ""))

    def config(self, checkpoint_id: str) -> RunnableConfig:
        return {
            "configurable": {
                "thread_id": self.thread_id,
                "checkpoint_ns": self.namespace,
                "checkpoint_id": checkpoint_id,
            }
        }


# Every row is inserted once for each row of `held`: one row without columns, or none when the fence has fallen.
_UNFENCED: LiteralString = "SELECT"
_FENCED: LiteralString = """
    SELECT FROM thread_heads WHERE tenant_id = %s AND thread_id = %s AND fence = %s FOR SHARE
"""

_PUT: LiteralString = """
    WITH held AS ({held}), pieces AS ({pieces}), saved AS (
        INSERT INTO checkpoints
            (tenant_id, thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
        SELECT %s, %s, %s, %s, %s, %s, %s FROM held
        ON CONFLICT (tenant_id, thread_id, checkpoint_ns, checkpoint_id)
        DO UPDATE SET checkpoint = EXCLUDED.checkpoint, metadata = EXCLUDED.metadata
    )
    SELECT FROM held
"""
_INSERT_PIECES: LiteralString = """
    INSERT INTO checkpoint_values
        (tenant_id, thread_id, checkpoint_ns, channel, version, series, start, stop, type, piece)
    SELECT new.* FROM (VALUES {rows}) AS new, held
    ON CONFLICT (tenant_id, thread_id, checkpoint_ns, channel, version) DO NOTHING
"""
_PUT_WRITES: LiteralString = """
    WITH held AS ({held}), written AS (
        INSERT INTO checkpoint_writes
            (tenant_id, thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob, run_id)
        SELECT new.*, %s::text FROM (VALUES {rows}) AS new, held
        ON CONFLICT (tenant_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx) {otherwise}
    )
    SELECT FROM held
"""
_ROW: LiteralString = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_KEEP: LiteralString = "DO NOTHING"
_REPLACE: LiteralString = "DO UPDATE SET channel = EXCLUDED.channel, type = EXCLUDED.type, blob = EXCLUDED.blob"

# Arrays of bytea, as the driver reads them fastest. A value is the pieces of its series up to its own end.
# LIMIT 1: one look into the index for each channel; a join would be planned as a scan of the whole thread.
SELECT: LiteralString = """
    SELECT c.thread_id, c.checkpoint_ns, c.checkpoint_id, c.parent_checkpoint_id, c.checkpoint, c.metadata,
        (SELECT array_agg(ARRAY[
             convert_to(v.channel, 'UTF8'), convert_to(v.type, 'UTF8'), convert_to(v.series, 'UTF8'),
             convert_to(v.stop::text, 'UTF8'), coalesce((
                 SELECT string_agg(p.piece, ''::bytea ORDER BY p.start) FROM checkpoint_values p
                 WHERE p.tenant_id = v.tenant_id AND p.thread_id = v.thread_id
                   AND p.checkpoint_ns = v.checkpoint_ns AND p.channel = v.channel
                   AND p.series = v.series AND p.start < v.stop AND p.start < p.stop
             ), '')])
         FROM jsonb_each_text(c.checkpoint -> 'channel_versions') AS current (channel, version)
         CROSS JOIN LATERAL (
             SELECT * FROM checkpoint_values
             WHERE tenant_id = c.tenant_id AND thread_id = c.thread_id AND checkpoint_ns = c.checkpoint_ns
               AND channel = current.channel AND version = current.version LIMIT 1) AS v) AS channel_values,
        (SELECT array_agg(ARRAY[
             convert_to(w.task_path, 'UTF8'), convert_to(w.task_id, 'UTF8'), convert_to(w.idx::text, 'UTF8'),
             convert_to(w.channel, 'UTF8'), convert_to(w.type, 'UTF8'), w.blob])
         FROM checkpoint_writes w
         WHERE w.tenant_id = c.tenant_id AND w.thread_id = c.thread_id AND w.checkpoint_ns = c.checkpoint_ns
           AND w.checkpoint_id = c.checkpoint_id) AS pending_writes
    FROM checkpoints c
"""


async def exists(
    connection: Connection, ctx: TenantContext, thread_id: str, namespace: str, checkpoint_id: str
) -> bool:
    found = await connection.execute(
        "SELECT FROM checkpoints "
        "WHERE tenant_id = %s AND thread_id = %s AND checkpoint_ns = %s AND checkpoint_id = %s",
        (ctx.tenant_id, thread_id, namespace, checkpoint_id),
    )
    return found.rowcount == 1


async def execute(connection: Connection, statement: Statement) -> AsyncCursor[DictRow]:
    """Bytes come as they are; as text they would be twice as long."""
    return await connection.cursor(binary=True).execute(*statement)


def put(
    ctx: TenantContext,
    fence: Fence | None,
    place: Place,
    parent_id: str | None,
    checkpoint: Mapping[str, Any],
    metadata: CheckpointMetadata,
    pieces: Sequence[Piece],
) -> Statement:
    """`checkpoint`: with those values only that stand in it inline. Returns no row when the fence has fallen.

    Executing it raises `UniqueViolation` when another branch has continued the series of one of the pieces.
    """
    key = (ctx.tenant_id, *place)
    parameters = _fence_parameters(ctx, fence)
    for piece in pieces:
        parameters += [*key, *piece]
    parameters += [*key, checkpoint["id"], parent_id, Jsonb(checkpoint, _json), Jsonb(metadata, _json)]
    return _put(fence is not None, len(pieces)), parameters


def put_writes(
    ctx: TenantContext,
    fence: Fence | None,
    place: Place,
    checkpoint_id: str,
    run_id: str | None,
    task: tuple[str, str],
    writes: Sequence[tuple[str, Any]],
    serde: SerializerProtocol,
) -> list[Statement]:
    """`task`: its id and its path. What is written already stays, except that errors and interrupts are replaced;
    those remain the run's that wrote them first.

    Each statement returns no row when the fence has fallen.
    """
    numbered = {
        WRITES_IDX_MAP.get(channel, number): (channel, value) for number, (channel, value) in enumerate(writes)
    }
    rows = [
        (ctx.tenant_id, *place, checkpoint_id, *task, number, channel, *serde.dumps_typed(value))
        for number, (channel, value) in numbered.items()
    ]
    replace = all(channel in WRITES_IDX_MAP for channel, _ in writes)
    statements: list[Statement] = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        parameters = [*_fence_parameters(ctx, fence), run_id]
        parameters += [field for row in some for field in row]
        statements.append((_put_writes(fence is not None, len(some), replace), parameters))
    return statements


def at(ctx: TenantContext, place: Place, checkpoint_id: str | None) -> Statement:
    """That checkpoint, or the newest."""
    where: LiteralString = "WHERE c.tenant_id = %s AND c.thread_id = %s AND c.checkpoint_ns = %s"
    if checkpoint_id is None:
        return f"{SELECT} {where} ORDER BY c.checkpoint_id DESC LIMIT 1", [ctx.tenant_id, *place]
    return f"{SELECT} {where} AND c.checkpoint_id = %s", [ctx.tenant_id, *place, checkpoint_id]


def loaded(row: DictRow, serde: SerializerProtocol) -> tuple[CheckpointTuple, dict[str, Tail]]:
    """A row of `SELECT`, which stays as it is, and the lists in it as they are stored."""
    place = Place(row["thread_id"], row["checkpoint_ns"])
    values, tails = _channel_values(row["channel_values"] or (), serde)
    checkpoint, parent_id = row["checkpoint"], row["parent_checkpoint_id"]
    whole = {**checkpoint, "channel_values": {**checkpoint["channel_values"], **values}}
    found = CheckpointTuple(
        place.config(row["checkpoint_id"]),
        # LangGraph goes on counting in what it is given.
        copy_checkpoint(cast(Checkpoint, whole)),
        row["metadata"].copy(),
        place.config(parent_id) if parent_id else None,
        _pending_writes(row["pending_writes"] or (), serde),
    )
    return found, tails


def _channel_values(
    stored: Sequence[Sequence[bytes]], serde: SerializerProtocol
) -> tuple[dict[str, Any], dict[str, Tail]]:
    values: dict[str, Any] = {}
    tails: dict[str, Tail] = {}
    for channel, type_, series, stop, content in stored:
        name = channel.decode()
        if type_ == _LIST:
            tails[name] = Tail(series.decode(), int(stop), content)
            values[name] = as_list(int(stop), content, serde)
        else:
            values[name] = serde.loads_typed((type_.decode(), content))
    return values, tails


@lru_cache(maxsize=256)
def _put(fenced: bool, pieces: int) -> LiteralString:
    insert = _INSERT_PIECES.format(rows=_rows(pieces)) if pieces else "SELECT"
    return _PUT.format(held=_FENCED if fenced else _UNFENCED, pieces=insert)


@lru_cache(maxsize=256)
def _put_writes(fenced: bool, writes: int, replace: bool) -> LiteralString:
    held, otherwise = _FENCED if fenced else _UNFENCED, _REPLACE if replace else _KEEP
    return _PUT_WRITES.format(held=held, rows=_rows(writes), otherwise=otherwise)


def _rows(count: int) -> LiteralString:
    rows: LiteralString = ", ".join([_ROW] * count)
    return rows


def _fence_parameters(ctx: TenantContext, fence: Fence | None) -> list[Any]:
    return [] if fence is None else [ctx.tenant_id, fence.thread_id, fence.number]


def _pending_writes(stored: Sequence[Sequence[bytes]], serde: SerializerProtocol) -> list[PendingWrite]:
    def order(write: Sequence[bytes]) -> tuple[str, str, int]:
        return writes_sort_key(write[0].decode(), write[1].decode(), int(write[2]))

    return [
        (task_id.decode(), channel.decode(), serde.loads_typed((type_.decode(), content)))
        for _, task_id, _, channel, type_, content in sorted(stored, key=order)
    ]


def _json(value: object) -> bytes | str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # Integers beyond 64 bits.
        return json.dumps(value)

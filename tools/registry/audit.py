"""What was called, by whom, and what came of it. Its row is there before a call: none is repeated unseen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from core.db import Connection
from core.paging import Cursor, Page, page
from core.tenancy import TenantContext
from tools.calls import Caller
from tools.definitions import SideEffect, Tool


@dataclass(frozen=True, slots=True)
class Record:
    """`outcome` is None while the call is under way, or when its process died; `result` is all that the tool said."""

    tool_call_id: UUID
    thread_id: UUID
    call_id: str
    run_id: UUID
    assistant_id: UUID
    user_id: UUID
    name: str
    version: int | None
    side_effect: SideEffect | None
    arguments: dict[str, Any]
    attempts: int
    outcome: str | None
    detail: str | None
    result: str | None
    bytes: int | None
    milliseconds: float | None
    started_at: datetime
    ended_at: datetime | None


_COLUMNS: LiteralString = (
    "tool_call_id, thread_id, call_id, run_id, assistant_id, user_id, name, version, side_effect, arguments, "
    "attempts, outcome, detail, result, bytes, milliseconds, started_at, ended_at"
)


async def begin(
    connection: Connection, caller: Caller, call_id: str, name: str, arguments: dict[str, Any], tool: Tool | None
) -> Record:
    """The call's row: a new one, or with `attempts` above one that of an executor before this one."""
    rows = await connection.execute(
        "INSERT INTO tool_calls AS c (tenant_id, thread_id, call_id, run_id, assistant_id, user_id, name, version, "
        "side_effect, arguments) VALUES (%(tenant_id)s, %(thread_id)s, %(call_id)s, %(run_id)s, %(assistant_id)s, "
        "%(user_id)s, %(name)s, %(version)s, %(side_effect)s, %(arguments)s) "
        "ON CONFLICT (tenant_id, thread_id, call_id) DO UPDATE SET attempts = c.attempts + 1 "
        f"RETURNING {_COLUMNS}",
        {
            "tenant_id": caller.tenant.tenant_id,
            "thread_id": caller.thread_id,
            "call_id": call_id,
            "run_id": caller.run_id,
            "assistant_id": caller.assistant_id,
            "user_id": caller.tenant.user_id,
            "name": name,
            "version": None if tool is None else tool.version,
            "side_effect": None if tool is None else tool.side_effect,
            "arguments": Jsonb(arguments),
        },
    )
    row = await rows.fetchone()
    assert row is not None, "it was inserted or updated"
    return _record(row)


async def end(
    connection: Connection,
    caller: Caller,
    call_id: str,
    *,
    outcome: str,
    detail: str | None,
    result: str | None,
    received_bytes: int,
    milliseconds: float,
) -> None:
    await connection.execute(
        "UPDATE tool_calls SET outcome = %(outcome)s, detail = %(detail)s, result = %(result)s, "
        "bytes = %(bytes)s, milliseconds = %(milliseconds)s, ended_at = now() "
        "WHERE tenant_id = %(tenant_id)s AND thread_id = %(thread_id)s AND call_id = %(call_id)s",
        {
            "outcome": outcome,
            "detail": detail,
            "result": result,
            "bytes": received_bytes,
            "milliseconds": milliseconds,
            "tenant_id": caller.tenant.tenant_id,
            "thread_id": caller.thread_id,
            "call_id": call_id,
        },
    )


async def used(connection: Connection, caller: Caller, call_ids: Sequence[str]) -> set[str]:
    """Of `call_ids` those that other runs have called, or asked to call, on the thread."""
    rows = await connection.execute(
        "SELECT call_id FROM tool_calls WHERE tenant_id = %(tenant_id)s AND thread_id = %(thread_id)s "
        "AND call_id = ANY(%(call_ids)s) AND run_id <> %(run_id)s "
        "UNION SELECT call_id FROM tool_approvals WHERE tenant_id = %(tenant_id)s AND thread_id = %(thread_id)s "
        "AND call_id = ANY(%(call_ids)s) AND run_id <> %(run_id)s",
        {
            "tenant_id": caller.tenant.tenant_id,
            "thread_id": caller.thread_id,
            "run_id": caller.run_id,
            "call_ids": list(call_ids),
        },
    )
    return {row["call_id"] for row in await rows.fetchall()}


async def list_page(
    connection: Connection, ctx: TenantContext, name: str, *, cursor: Cursor, limit: int
) -> Page[Record]:
    """Of one tool, also of one that is gone; the newest first."""
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM tool_calls WHERE tenant_id = %(tenant_id)s AND name = %(name)s "
        "AND (started_at, tool_call_id) < (%(created_at)s, %(row_id)s) "
        "ORDER BY started_at DESC, tool_call_id DESC LIMIT %(limit)s",
        {"tenant_id": ctx.tenant_id, "name": name, **cursor.parameters(limit)},
    )
    found = [_record(row) for row in await rows.fetchall()]
    return page(found, limit, position=lambda item: Cursor(item.started_at, item.tool_call_id))


def _record(row: dict[str, Any]) -> Record:
    side_effect = row["side_effect"]
    return Record(**{**row, "side_effect": None if side_effect is None else SideEffect(side_effect)})

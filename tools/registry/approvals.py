"""Calls that a person has to approve: each bound to exactly its arguments, decided once, and void after a time."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from core.db import Connection
from core.errors import Conflict, Forbidden, NotFound
from core.paging import Cursor, Page, page
from core.tenancy import Role, TenantContext
from tenants.permissions import roles_from
from tools.calls import Caller
from tools.registry.standings import Standing

Status = Literal["pending", "approved", "rejected"]


@dataclass(frozen=True, slots=True)
class Approval:
    """`user_id` and `role` are whose run asked, `run_id` the run; `message` is why it was rejected."""

    approval_id: UUID
    thread_id: UUID
    run_id: UUID
    call_id: str
    user_id: UUID
    role: Role
    name: str
    version: int
    arguments: dict[str, Any]
    approver_role: Role
    status: Status
    message: str | None
    decided_by: UUID | None
    decided_at: datetime | None
    expires_at: datetime
    created_at: datetime
    is_expired: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """`message` is why a call was rejected."""

    approved: bool
    message: str | None


_COLUMNS: LiteralString = (
    "approval_id, thread_id, run_id, call_id, user_id, role, name, version, arguments, approver_role, status, "
    "message, decided_by, decided_at, expires_at, created_at, expires_at <= now() AS is_expired"
)


def digest(name: str, version: int, arguments: dict[str, Any]) -> bytes:
    """SHA-256 over the tool and the canonical JSON of its arguments."""
    canonical = orjson.dumps([name, version, arguments], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).digest()


async def ask(
    connection: Connection, caller: Caller, call_id: str, standing: Standing, arguments: dict[str, Any]
) -> Approval:
    """The one of this call, made now if there is none."""
    tool, policy = standing.tool, standing.policy
    await connection.execute(
        "INSERT INTO tool_approvals (tenant_id, approval_id, thread_id, run_id, call_id, user_id, role, name, "
        "version, arguments, arguments_digest, approver_role, expires_at) "
        "VALUES (%(tenant_id)s, %(approval_id)s, %(thread_id)s, %(run_id)s, %(call_id)s, %(user_id)s, %(role)s, "
        "%(name)s, %(version)s, %(arguments)s, %(digest)s, %(approver_role)s, "
        "now() + make_interval(secs => %(seconds)s)) ON CONFLICT (tenant_id, thread_id, call_id) DO NOTHING",
        {
            "tenant_id": caller.tenant.tenant_id,
            "approval_id": uuid7(),
            "thread_id": caller.thread_id,
            "run_id": caller.run_id,
            "call_id": call_id,
            "user_id": caller.tenant.user_id,
            "role": caller.tenant.role,
            "name": tool.name,
            "version": tool.version,
            "arguments": Jsonb(arguments),
            "digest": digest(tool.name, tool.version, arguments),
            "approver_role": policy.approver_role,
            "seconds": policy.approval_seconds,
        },
    )
    found = await of_call(connection, caller, call_id)
    assert found is not None, "it was there, or has just been made"
    return found


async def of_call(connection: Connection, caller: Caller, call_id: str) -> Approval | None:
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM tool_approvals WHERE tenant_id = %s AND thread_id = %s AND call_id = %s",
        (caller.tenant.tenant_id, caller.thread_id, call_id),
    )
    row = await rows.fetchone()
    return None if row is None else _approval(row)


async def verdict(
    connection: Connection, caller: Caller, call_id: str, standing: Standing, arguments: dict[str, Any]
) -> Verdict | None:
    """On this call of this version with these very arguments, while it holds."""
    tool = standing.tool
    rows = await connection.execute(
        "SELECT status = 'approved' AS approved, message FROM tool_approvals "
        "WHERE tenant_id = %s AND thread_id = %s AND call_id = %s AND status <> 'pending' "
        "AND arguments_digest = %s AND expires_at > now()",
        (caller.tenant.tenant_id, caller.thread_id, call_id, digest(tool.name, tool.version, arguments)),
    )
    row = await rows.fetchone()
    return None if row is None else Verdict(**row)


async def decide(
    connection: Connection,
    ctx: TenantContext,
    approval: Approval,
    *,
    status: Status,
    arguments: dict[str, Any] | None = None,
    message: str | None = None,
) -> Approval:
    """`arguments` take the place of those asked for. Raises `Forbidden`, and `Conflict` for whoever comes second."""
    if ctx.role not in roles_from(approval.approver_role):
        raise Forbidden(
            f"Calls of {approval.name} are decided by {', '.join(roles_from(approval.approver_role))}.",
            code="not_an_approver",
        )
    given = approval.arguments if arguments is None else arguments
    rows = await connection.execute(
        "UPDATE tool_approvals SET status = %(status)s, arguments = %(arguments)s, arguments_digest = %(digest)s, "
        "message = %(message)s, decided_by = %(user_id)s, decided_at = now() "
        "WHERE tenant_id = %(tenant_id)s AND approval_id = %(approval_id)s AND status = 'pending' "
        f"AND expires_at > now() RETURNING {_COLUMNS}",
        {
            "tenant_id": ctx.tenant_id,
            "user_id": ctx.user_id,
            "approval_id": approval.approval_id,
            "status": status,
            "arguments": Jsonb(given),
            "digest": digest(approval.name, approval.version, given),
            "message": message,
        },
    )
    row = await rows.fetchone()
    if row is None:
        raise Conflict("This call has been decided already, or nobody did in time.", code="already_decided")
    return _approval(row)


async def get(connection: Connection, ctx: TenantContext, approval_id: UUID) -> Approval:
    """Raises `NotFound`, also for what is neither the caller's own nor theirs to decide."""
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM tool_approvals WHERE tenant_id = %(tenant_id)s AND {_SEEN} "
        "AND approval_id = %(approval_id)s",
        {**_who(ctx), "approval_id": approval_id},
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("approval")
    return _approval(row)


async def list_page(
    connection: Connection, ctx: TenantContext, *, status: Status | None, cursor: Cursor, limit: int
) -> Page[Approval]:
    """The newest first: the caller's own, and those that the caller's role may decide."""
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM tool_approvals WHERE tenant_id = %(tenant_id)s AND {_SEEN} "
        "AND (%(status)s::text IS NULL OR status = %(status)s) "
        "AND (created_at, approval_id) < (%(created_at)s, %(row_id)s) "
        "ORDER BY created_at DESC, approval_id DESC LIMIT %(limit)s",
        {**_who(ctx), "status": status, **cursor.parameters(limit)},
    )
    found = [_approval(row) for row in await rows.fetchall()]
    return page(found, limit, position=lambda item: Cursor(item.created_at, item.approval_id))


async def pending_of(connection: Connection, caller: Caller, call_ids: Sequence[str]) -> list[Approval]:
    """In the order of `call_ids`; those that nobody has decided and that are not void yet."""
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM tool_approvals WHERE tenant_id = %(tenant_id)s AND thread_id = %(thread_id)s "
        "AND call_id = ANY(%(call_ids)s) AND status = 'pending' AND expires_at > now() "
        "ORDER BY array_position(%(call_ids)s::text[], call_id)",
        {
            "tenant_id": caller.tenant.tenant_id,
            "thread_id": caller.thread_id,
            "call_ids": list(call_ids),
        },
    )
    return [_approval(row) for row in await rows.fetchall()]


async def are_pending_on(connection: Connection, ctx: TenantContext, thread_id: UUID) -> bool:
    found = await connection.execute(
        "SELECT FROM tool_approvals WHERE tenant_id = %s AND thread_id = %s AND status = 'pending' "
        "AND expires_at > now() LIMIT 1",
        (ctx.tenant_id, thread_id),
    )
    return found.rowcount == 1


_SEEN: LiteralString = "(user_id = %(user_id)s OR approver_role = ANY(%(roles)s))"


def _who(ctx: TenantContext) -> dict[str, Any]:
    return {
        "tenant_id": ctx.tenant_id,
        "user_id": ctx.user_id,
        "roles": [role for role in Role if ctx.role in roles_from(role)],
    }


def _approval(row: dict[str, Any]) -> Approval:
    return Approval(**{**row, "role": Role(row["role"]), "approver_role": Role(row["approver_role"])})

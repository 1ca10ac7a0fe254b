"""A tool's policy: who approves its calls, how many there may be, how long each takes and how much comes back."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field

from core.db import Connection
from core.tenancy import Role, TenantContext
from tools.definitions import SideEffect


class Approval(StrEnum):
    """`ask`: a person decides over the very arguments of each call."""

    AUTO = "auto"
    ASK = "ask"
    DENY = "deny"


class Policy(BaseModel):
    """What is left out of `approval` depends on the side effect: only calls that write are asked about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approval: Approval | None = Field(None, description="unset: `ask` for tools that write, `auto` for others")
    approval_by_assistant: dict[UUID, Approval] = Field({}, max_length=100)
    approver_role: Role = Field(Role.MEMBER, description="the least role that may approve")
    approval_seconds: int = Field(86_400, ge=60, le=30 * 86_400, description="then nobody can approve any more")
    calls_per_minute: int = Field(60, ge=1, le=100_000, description="by the whole tenant")
    max_concurrent: int = Field(10, ge=1, le=1_000, description="calls of the tenant that are under way at once")
    timeout_seconds: float = Field(30.0, gt=0, le=120)
    max_response_bytes: int = Field(1024 * 1024, ge=1, le=8 * 1024 * 1024, description="more is an error")
    max_model_characters: int = Field(20_000, ge=100, le=200_000, description="the model reads no more of a result")

    def approval_for(self, assistant_id: UUID, side_effect: SideEffect) -> Approval:
        default = Approval.ASK if side_effect is SideEffect.WRITE else Approval.AUTO
        return self.approval_by_assistant.get(assistant_id) or self.approval or default


async def get(connection: Connection, ctx: TenantContext, name: str) -> Policy:
    """The default one where none was set."""
    rows = await connection.execute(
        "SELECT policy FROM tool_policies WHERE tenant_id = %s AND name = %s", (ctx.tenant_id, name)
    )
    row = await rows.fetchone()
    return Policy() if row is None else Policy.model_validate(row["policy"])


async def put(connection: Connection, ctx: TenantContext, name: str, policy: Policy) -> Policy:
    stored: dict[str, Any] = policy.model_dump(mode="json")
    await connection.execute(
        "INSERT INTO tool_policies (tenant_id, name, policy) VALUES (%s, %s, %s) "
        "ON CONFLICT (tenant_id, name) DO UPDATE SET policy = excluded.policy, updated_at = now()",
        (ctx.tenant_id, name, Jsonb(stored)),
    )
    return policy

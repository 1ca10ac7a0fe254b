"""One call of a tool: who makes it, with which arguments, and what comes back."""

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from core.errors import AtriumError
from core.tenancy import TenantContext
from tools.definitions import Tool


@dataclass(frozen=True, slots=True)
class Caller:
    """A run of a member of a tenant. `knowledge_base_ids` None means every knowledge base the tenant has."""

    tenant: TenantContext
    run_id: UUID
    thread_id: UUID
    assistant_id: UUID
    knowledge_base_ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one call: seconds for the whole of it, bytes for what comes back."""

    seconds: float = 30.0
    max_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """`arguments` fit the tool's schema; `idempotency_key` is the same whenever this call is made again."""

    tenant: TenantContext
    tool: Tool
    arguments: dict[str, Any]
    idempotency_key: str
    limits: Limits = Limits()
    knowledge_base_ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is what the tool says, in full; `received_bytes` counts the body of the answer as it came.

    `is_error` when the tool itself says that it failed, as an HTTP status of 400 or more does.
    """

    text: str
    received_bytes: int = 0
    is_error: bool = False


class ToolFailed(AtriumError):
    """A tool cannot be called like this, or did not answer as it should; the model is told `detail`."""

    status = 502
    code = "tool_failed"


class Kind(Protocol):
    """How tools of one kind are checked, shown and called. Everything it keeps is JSON in `Tool.invocation`."""

    def checked(self, invocation: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        """`invocation` with its defaults filled in, when a tool is registered. Raises `Invalid`."""

    async def preview(self, call: Call) -> dict[str, Any]:
        """The exact request as JSON, every secret masked; nothing is sent. Raises `ToolFailed`, `NotConnected`."""

    async def call(self, call: Call) -> Answer:
        """Raises `ToolFailed`, `NotConnected`, and what the egress client raises."""

"""The number that lets one executor write to a thread: whoever claimed a run last."""

from dataclasses import dataclass
from uuid import UUID

from core.db import Connection
from core.errors import AtriumError
from core.tenancy import TenantContext


@dataclass(frozen=True, slots=True)
class Fence:
    thread_id: UUID
    number: int


class Fenced(AtriumError):
    """Another executor has taken the run over; what this one still does must leave no trace."""

    code = "run_superseded"

    def __init__(self) -> None:
        super().__init__("Another process has taken this run over.")


async def hold(connection: Connection, ctx: TenantContext, fence: Fence) -> None:
    """Until the transaction ends nobody claims a run on the thread. Raises `Fenced` when somebody has."""
    held = await connection.execute(
        "SELECT FROM thread_heads WHERE tenant_id = %s AND thread_id = %s AND fence = %s FOR SHARE",
        (ctx.tenant_id, fence.thread_id, fence.number),
    )
    if held.rowcount == 0:
        raise Fenced

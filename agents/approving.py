"""An approver decides over a call; when no other call of the thread waits, its run goes on."""

from contextlib import ExitStack
from uuid import UUID

from agents import starting
from agents.engine import Engine
from agents.runs import runs
from agents.runs.request import RunRequest
from agents.starting import Accepted
from agents.threads import threads
from core.db import Connection
from core.errors import Conflict
from core.tenancy import TenantContext
from tenants import accounts
from tenants.permissions import lesser_role
from tools.registry import approvals, decisions
from tools.registry.approvals import Approval
from tools.registry.decisions import Decision


async def decide(engine: Engine, ctx: TenantContext, approval_id: UUID, decision: Decision) -> Approval:
    """The run goes on as whoever asked for it, never as the approver.

    Raises `NotFound`, `Forbidden`, `Invalid`, and `Conflict` when it was decided before or nothing waits for it.
    """
    with ExitStack() as held:
        async with engine.database.tenant_transaction(ctx) as connection:
            approval = await approvals.get(connection, ctx, approval_id)
            asker = await _asker(connection, ctx, approval)
            # First the thread: of two that decide together the second finds everything decided.
            await threads.lock(connection, asker, approval.thread_id, by_role=True)
            await _require_waiting(connection, asker, approval)
            decided = await decisions.decide(connection, ctx, approval, decision)
            accepted: Accepted | None = None
            if not await approvals.are_pending_on(connection, ctx, approval.thread_id):
                executor = held.enter_context(engine.executor.place())
                accepted = await _resume(engine, connection, asker, approval, executor)
        if accepted is not None:
            await starting.go(engine, asker, accepted)
    return decided


async def _asker(connection: Connection, ctx: TenantContext, approval: Approval) -> TenantContext:
    """In the role of the run that asked, or in what is left of it."""
    role = await accounts.role_of(connection, ctx, approval.user_id)
    return TenantContext(ctx.tenant_id, approval.user_id, lesser_role(approval.role, role))


async def _require_waiting(connection: Connection, asker: TenantContext, approval: Approval) -> None:
    thread = await threads.get(connection, asker, approval.thread_id, by_role=True)
    # A busy one may be about to wait: it has asked, and not ended yet.
    if thread.status not in ("interrupted", "busy"):
        raise Conflict("Nothing waits for this decision any more: the thread went on without it.", code="not_waiting")


async def _resume(
    engine: Engine, connection: Connection, asker: TenantContext, approval: Approval, executor: UUID | None
) -> Accepted:
    asked = await runs.get(connection, asker, approval.thread_id, approval.run_id)
    request: RunRequest = asked.request.model_copy(
        update={"input": None, "command": {"resume": {"decided": True}}, "checkpoint": None}
    )
    return await starting.put(
        engine,
        connection,
        asker,
        str(asked.assistant_id),
        request,
        thread_id=approval.thread_id,
        by_role=True,
        metadata=asked.metadata,
        executor=executor,
    )

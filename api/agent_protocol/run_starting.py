"""From a client's body to a run that is stored, and executed as soon as it may be."""

from typing import Any
from uuid import UUID

from agents import starting, untrusted
from agents.runs import runs
from api.agent_protocol.run_bodies import Mode, RunCreateStateful, RunCreateStateless
from api.dependencies import Rooms
from core.tenancy import TenantContext
from tools.egress_policy import policy_of


async def start_run(
    rooms: Rooms,
    ctx: TenantContext,
    thread_id: UUID | None,
    body: RunCreateStateful | RunCreateStateless,
    extra_mode: Mode | None = None,
) -> runs.Run:
    stateful: dict[str, Any] = {}
    if isinstance(body, RunCreateStateful):
        stateful = {"if_not_exists": body.if_not_exists, "multitask_strategy": body.multitask_strategy}
    return await starting.start(
        rooms.engine,
        ctx,
        str(body.assistant_id),
        body.request(policy_of(rooms.settings), extra_mode=extra_mode),
        thread_id=thread_id,
        by_role=True,
        metadata=untrusted.clean_metadata(body.metadata),
        after_seconds=body.after_seconds or 0,
        **stateful,
    )

"""Trying a tool: the exact request that a call would make, and the call itself when an admin asks for it."""

from typing import Any
from uuid import UUID, uuid4

from core.errors import Invalid
from core.tenancy import TenantContext
from tools.arguments import problems_of
from tools.calling.attempt import Result
from tools.calling.valid import INVALID
from tools.calls import Call, Caller
from tools.registry import tools
from tools.toolbox import Toolbox

# In the place of what a call that is made would carry.
NO_CALL = "00000000-0000-0000-0000-000000000000"
TRIAL = "trial"


async def preview(toolbox: Toolbox, ctx: TenantContext, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The exact request that a call would make, secrets masked. Raises `NotFound`, `Invalid`."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        tool = await tools.current(connection, ctx, name)
    if problems := problems_of(tool.parameters, arguments):
        raise Invalid(f"The arguments are wrong: {'; '.join(problems)}.", code=INVALID)
    return await toolbox.kinds[tool.kind].preview(Call(ctx, tool, arguments, idempotency_key=NO_CALL))


async def trial(toolbox: Toolbox, ctx: TenantContext, name: str, arguments: dict[str, Any]) -> Result:
    """An admin's call, with all that is wrapped around a run's but for grants and approvals."""
    nowhere = UUID(int=0)
    caller = Caller(ctx, run_id=nowhere, thread_id=uuid4(), assistant_id=nowhere)
    return await toolbox.trials.call(caller, TRIAL, name, arguments, None)

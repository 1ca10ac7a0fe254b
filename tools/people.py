"""What a person has to say before tools are called: approve them, connect an account, answer a question."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.errors import ClientError
from tools.builtin import ask_user
from tools.calls import Caller
from tools.credentials.schemes import Scheme
from tools.definitions import Tool
from tools.registry import approvals, decisions
from tools.registry.approvals import Approval
from tools.registry.decisions import Decision
from tools.registry.policies import Approval as Mode
from tools.registry.standings import Pins
from tools.toolbox import Toolbox, Wish, schemes_of


@dataclass(frozen=True, slots=True)
class Unconnected:
    """Somebody has to connect an account of theirs before `tool` can be called."""

    tool: Tool
    scheme: Scheme


async def unapproved(toolbox: Toolbox, caller: Caller, wishes: Sequence[Wish], pins: Pins | None) -> list[Approval]:
    """Calls that a person has to decide over before any of `wishes` is made; none of those that are refused."""
    asked = [
        (wish, standing)
        for wish, standing in await toolbox.callable(caller, wishes, pins)
        if standing.approval_for(caller) is Mode.ASK
    ]
    async with toolbox.database.tenant_transaction(caller.tenant) as connection:
        for wish, standing in asked:
            await approvals.ask(connection, caller, wish.call_id, standing, wish.arguments)
        return await approvals.pending_of(connection, caller, [wish.call_id for wish, _ in asked])


async def decide(toolbox: Toolbox, caller: Caller, asked: Sequence[Approval], said: Sequence[Decision]) -> None:
    """By whoever the run belongs to. What they may not decide, or not like this, stays undecided.

    So does what this very run has asked: it was answered before anybody could see it.
    """
    if len(said) != len(asked) or any(approval.run_id == caller.run_id for approval in asked):
        return
    for approval, decision in zip(asked, said, strict=True):
        with suppress(ClientError):
            async with toolbox.database.tenant_transaction(caller.tenant) as connection:
                await decisions.decide(connection, caller.tenant, approval, decision)


async def edited(toolbox: Toolbox, caller: Caller, wishes: Sequence[Wish]) -> dict[str, dict[str, Any]]:
    """The arguments that an approver has put in the place of a model's, by the id of the call."""
    async with toolbox.database.tenant_transaction(caller.tenant) as connection:
        found = [(wish, await approvals.of_call(connection, caller, wish.call_id)) for wish in wishes]
    return {
        wish.call_id: approval.arguments
        for wish, approval in found
        if approval is not None and approval.status == "approved" and approval.arguments != wish.arguments
    }


async def unconnected(
    toolbox: Toolbox, caller: Caller, wishes: Sequence[Wish], pins: Pins | None
) -> list[Unconnected]:
    """Accounts that the caller has to connect themselves, each once."""
    missing: dict[tuple[str, str], Unconnected] = {}
    for _, standing in await toolbox.callable(caller, wishes, pins):
        schemes = [each for each in schemes_of(standing.tool) if each.per_user]
        for scheme in await toolbox.credentials.missing(caller.tenant, standing.tool.credential_owner, schemes):
            missing[standing.tool.credential_owner, scheme.id] = Unconnected(standing.tool, scheme)
    return list(missing.values())


async def questions(toolbox: Toolbox, caller: Caller, wishes: Sequence[Wish], pins: Pins | None) -> list[Wish]:
    """Those that only a person can answer."""
    return [wish for wish, standing in await toolbox.callable(caller, wishes, pins) if standing.tool is ask_user.TOOL]

"""Tools as a process opens them: what a run may call, what a person has to say first, and the call itself."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from pydantic import TypeAdapter

from core.cache import Cache
from core.db import Database
from core.errors import ClientError, Invalid
from core.settings import Settings
from core.storable import is_storable
from core.tenancy import TenantContext
from retrieval.retriever import Retriever
from tenants.vault import Vault, vault_of
from tools.arguments import problems_of
from tools.builtin import ask_user
from tools.builtin.kind import BuiltinKind
from tools.calling.attempt import Result
from tools.calling.journaled import Journal
from tools.calling.pipeline import pipeline, trial_pipeline
from tools.calling.rested import tool_breakers
from tools.calling.valid import INVALID
from tools.calls import Call, Caller, Kind
from tools.credentials.credentials import Credentials
from tools.credentials.schemes import Scheme
from tools.definitions import KindName, Tool
from tools.egress.client import Egress
from tools.egress.policy import policy_of
from tools.http.kind import HttpKind
from tools.mcp.kind import McpKind
from tools.openapi.kind import OpenApiKind
from tools.registry import approvals, audit, decisions, standings, tools
from tools.registry.approvals import Approval
from tools.registry.decisions import Decision
from tools.registry.policies import Approval as Mode
from tools.registry.standings import Pins, Standing

# In the place of what a call that is made would carry.
NO_CALL = "00000000-0000-0000-0000-000000000000"
TRIAL = "trial"

_SCHEMES: TypeAdapter[tuple[Scheme, ...]] = TypeAdapter(tuple[Scheme, ...])


@dataclass(frozen=True, slots=True)
class Wish:
    """A model wants to call a tool. `call_id` is unique on its thread; `said` is what a person answered it."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Unconnected:
    """Somebody has to connect an account of theirs before `tool` can be called."""

    tool: Tool
    scheme: Scheme


@dataclass(frozen=True, slots=True)
class Toolbox:
    database: Database
    egress: Egress
    vault: Vault
    credentials: Credentials
    kinds: Mapping[KindName, Kind]
    journal: Journal
    trials: Journal

    async def offered(self, caller: Caller, pins: Pins | None) -> list[Tool]:
        """What the model is told that it can call: granted, and not denied by a policy."""
        async with self.database.tenant_transaction(caller.tenant, prepared=True) as connection:
            found = await standings.granted(connection, caller, pins)
        return [each.tool for each in found if each.approval_for(caller) is not Mode.DENY]

    async def call(self, caller: Caller, wish: Wish, pins: Pins | None) -> Result:
        return await self.journal.call(caller, wish.call_id, wish.name, wish.arguments, pins, wish.said)

    async def used(self, caller: Caller, call_ids: Sequence[str]) -> set[str]:
        """Those that are ids of other runs' calls on the thread, also on a branch of it that was left."""
        known = [each for each in call_ids if is_storable(each)]
        if not known:
            return set()
        async with self.database.tenant_transaction(caller.tenant, prepared=True) as connection:
            return await audit.used(connection, caller, known)

    async def preview(self, ctx: TenantContext, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The exact request that a call would make, secrets masked. Raises `NotFound`, `Invalid`."""
        async with self.database.tenant_transaction(ctx) as connection:
            tool = await tools.current(connection, ctx, name)
        if problems := problems_of(tool.parameters, arguments):
            raise Invalid(f"The arguments are wrong: {'; '.join(problems)}.", code=INVALID)
        return await self.kinds[tool.kind].preview(Call(ctx, tool, arguments, idempotency_key=NO_CALL))

    async def trial(self, ctx: TenantContext, name: str, arguments: dict[str, Any]) -> Result:
        """An admin's call, with all that is wrapped around a run's but for grants and approvals."""
        nowhere = UUID(int=0)
        caller = Caller(ctx, run_id=nowhere, thread_id=uuid4(), assistant_id=nowhere)
        return await self.trials.call(caller, TRIAL, name, arguments, None)

    async def questions(self, caller: Caller, wishes: Sequence[Wish], pins: Pins | None) -> list[Wish]:
        """Those that only a person can answer."""
        return [
            wish for wish, standing in await self._callable(caller, wishes, pins) if standing.tool is ask_user.TOOL
        ]

    async def decide(self, caller: Caller, asked: Sequence[Approval], said: Sequence[Decision]) -> None:
        """By whoever the run belongs to. What they may not decide, or not like this, stays undecided.

        So does what this very run has asked: it was answered before anybody could see it.
        """
        if len(said) != len(asked) or any(approval.run_id == caller.run_id for approval in asked):
            return
        for approval, decision in zip(asked, said, strict=True):
            with suppress(ClientError):
                async with self.database.tenant_transaction(caller.tenant) as connection:
                    await decisions.decide(connection, caller.tenant, approval, decision)

    async def unapproved(self, caller: Caller, wishes: Sequence[Wish], pins: Pins | None) -> list[Approval]:
        """Calls that a person has to decide over before any of `wishes` is made; none of those that are refused."""
        asked = [
            (wish, standing)
            for wish, standing in await self._callable(caller, wishes, pins)
            if standing.approval_for(caller) is Mode.ASK
        ]
        async with self.database.tenant_transaction(caller.tenant) as connection:
            for wish, standing in asked:
                await approvals.ask(connection, caller, wish.call_id, standing, wish.arguments)
            return await approvals.pending_of(connection, caller, [wish.call_id for wish, _ in asked])

    async def unconnected(self, caller: Caller, wishes: Sequence[Wish], pins: Pins | None) -> list[Unconnected]:
        """Accounts that the caller has to connect themselves, each once."""
        missing: dict[tuple[str, str], Unconnected] = {}
        for _, standing in await self._callable(caller, wishes, pins):
            schemes = [each for each in schemes_of(standing.tool) if each.per_user]
            for scheme in await self.credentials.missing(caller.tenant, standing.tool.credential_owner, schemes):
                missing[standing.tool.credential_owner, scheme.id] = Unconnected(standing.tool, scheme)
        return list(missing.values())

    async def edited(self, caller: Caller, wishes: Sequence[Wish]) -> dict[str, dict[str, Any]]:
        """The arguments that an approver has put in the place of a model's, by the id of the call."""
        async with self.database.tenant_transaction(caller.tenant) as connection:
            found = [(wish, await approvals.of_call(connection, caller, wish.call_id)) for wish in wishes]
        return {
            wish.call_id: approval.arguments
            for wish, approval in found
            if approval is not None and approval.status == "approved" and approval.arguments != wish.arguments
        }

    async def _callable(
        self, caller: Caller, wishes: Sequence[Wish], pins: Pins | None
    ) -> list[tuple[Wish, Standing]]:
        """Those of `wishes` that would be made if nobody had to be asked."""
        async with self.database.tenant_transaction(caller.tenant, prepared=True) as connection:
            found = {
                name: await standings.of_name(connection, caller, name, pins) for name in {w.name for w in wishes}
            }
        return [
            (wish, standing)
            for wish in wishes
            if (standing := found[wish.name]) is not None
            and standing.is_granted
            and not problems_of(standing.tool.parameters, wish.arguments)
        ]


def schemes_of(tool: Tool) -> tuple[Scheme, ...]:
    return _SCHEMES.validate_python(tool.invocation.get("security", ()))


@asynccontextmanager
async def open_toolbox(
    settings: Settings, database: Database, cache: Cache, retriever: Retriever
) -> AsyncIterator[Toolbox]:
    async with Egress(policy_of(settings)) as egress:
        vault = vault_of(settings)
        credentials = Credentials(database, vault, egress)
        kinds: dict[KindName, Kind] = {
            "builtin": BuiltinKind(database, retriever),
            "http": HttpKind(egress, credentials),
            "openapi": OpenApiKind(egress, credentials),
            "mcp": McpKind(database, egress, credentials),
        }
        breakers = tool_breakers()
        yield Toolbox(
            database,
            egress,
            vault,
            credentials,
            kinds,
            journal=Journal(database, pipeline(cache, kinds, breakers)),
            trials=Journal(database, trial_pipeline(cache, kinds, breakers)),
        )

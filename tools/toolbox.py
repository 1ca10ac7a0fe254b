"""Tools as a process opens them: what a run may call, what a person has to say first, and the call itself."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from core.cache import Cache
from core.db import Database
from core.settings import Settings
from core.storable import is_storable
from retrieval.retriever import Retriever
from tenants.vault import Vault, vault_of
from tools.arguments import problems_of
from tools.builtin.kind import BuiltinKind
from tools.calling.attempt import Result
from tools.calling.journaled import Journal
from tools.calling.pipeline import pipeline, trial_pipeline
from tools.calling.rested import tool_breakers
from tools.calls import Caller, Kind
from tools.credentials.credentials import Credentials
from tools.credentials.schemes import Scheme
from tools.definitions import KindName, Tool
from tools.egress.client import Egress
from tools.egress.policy import policy_of
from tools.http.kind import HttpKind
from tools.mcp.kind import McpKind
from tools.openapi.kind import OpenApiKind
from tools.registry import audit, standings
from tools.registry.policies import Approval as Mode
from tools.registry.standings import Pins, Standing

_SCHEMES: TypeAdapter[tuple[Scheme, ...]] = TypeAdapter(tuple[Scheme, ...])


@dataclass(frozen=True, slots=True)
class Wish:
    """A model wants to call a tool. `call_id` is unique on its thread; `said` is what a person answered it."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    said: str | None = None


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

    async def callable(
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
    return schemes_in(tool.invocation.get("security", ()))


def schemes_in(security: Any) -> tuple[Scheme, ...]:
    """Out of an invocation's JSON."""
    return _SCHEMES.validate_python(security)


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

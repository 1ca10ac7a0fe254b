"""What a run may call right now: one look at tools, versions, policies and grants together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from core.db import Connection
from core.errors import Invalid, NotFound
from core.tenancy import TenantContext
from tools.builtin.kind import BUILTIN
from tools.calls import Caller
from tools.definitions import SideEffect, Tool
from tools.registry.grants import GRANTED, meant
from tools.registry.policies import Approval, Policy

# From a tool's name to its version, or to None for the latest.
Pins = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Standing:
    """A tool that exists and is enabled, under its policy, and whether the caller may call it."""

    tool: Tool
    policy: Policy
    is_granted: bool

    def approval_for(self, caller: Caller) -> Approval:
        return self.policy.approval_for(caller.assistant_id, self.tool.side_effect)


def pins_of(names: Sequence[str]) -> dict[str, int | None]:
    """From `name` (the latest version) and `name@version`. Raises `Invalid`."""
    pins: dict[str, int | None] = {}
    for written in names:
        name, _, version = written.partition("@")
        if version and not (version.isascii() and version.isdigit() and len(version) < 7):
            raise Invalid(f"{written[:100]!r} names no version; write a tool as `name` or `name@3`.")
        pins[name] = int(version) if version else None
    return pins


async def of_name(connection: Connection, caller: Caller, name: str, pins: Pins | None) -> Standing | None:
    """None also for a tool that the run's assistant does not name."""
    if pins is not None and name not in pins:
        return None
    found = await _found(connection, caller, {name: None if pins is None else pins[name]}, only_granted=False)
    return found[0] if found else None


async def granted(connection: Connection, caller: Caller, pins: Pins | None) -> list[Standing]:
    """What the caller may call, by name; `pins` None means no choice was made among them."""
    return await _found(connection, caller, pins, only_granted=True)


async def parameters_of(connection: Connection, ctx: TenantContext, name: str, version: int) -> dict[str, Any]:
    """The schema of one version. Raises `NotFound`."""
    if name in BUILTIN:
        return BUILTIN[name].parameters
    rows = await connection.execute(
        "SELECT parameters FROM tool_versions WHERE tenant_id = %s AND name = %s AND version = %s",
        (ctx.tenant_id, name, version),
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("version of this tool")
    found: dict[str, Any] = row["parameters"]
    return found


_POLICY: LiteralString = (
    "(SELECT p.policy FROM tool_policies p WHERE p.tenant_id = %(tenant_id)s AND p.name = t.name) AS policy"
)
_WANTED: LiteralString = (
    "(%(names)s::text[] IS NULL OR t.name = ANY(%(names)s)) "
    f"AND (NOT %(only_granted)s OR t.name IN ({GRANTED})) ORDER BY t.name"
)
_REGISTERED: LiteralString = (
    "SELECT t.name, v.version, v.kind, v.description, v.parameters, v.side_effect, v.invocation, t.source, "
    f"{_POLICY}, t.name IN ({GRANTED}) AS is_granted "
    "FROM tools t JOIN tool_versions v ON v.tenant_id = t.tenant_id AND v.name = t.name "
    "AND v.version = coalesce((%(pins)s::jsonb->>t.name)::integer, t.latest) "
    f"WHERE t.tenant_id = %(tenant_id)s AND t.enabled AND NOT t.withdrawn AND {_WANTED}"
)
# A built-in tool has no row but those of its policy and grants.
_BUILT_IN: LiteralString = (
    f"SELECT t.name, {_POLICY}, t.name IN ({GRANTED}) AS is_granted "
    f"FROM unnest(%(built_in)s::text[]) AS t (name) WHERE {_WANTED}"
)


async def _found(connection: Connection, caller: Caller, pins: Pins | None, *, only_granted: bool) -> list[Standing]:
    parameters = {
        **meant(caller.tenant, caller.assistant_id),
        "names": None if pins is None else list(pins),
        "pins": Jsonb(dict(pins or {})),
        "built_in": list(BUILTIN),
        "only_granted": only_granted,
    }
    async with connection.pipeline():
        built_in = await connection.execute(_BUILT_IN, parameters)
        registered = await connection.execute(_REGISTERED, parameters)
    found = [_standing(BUILTIN[row["name"]], row) for row in await built_in.fetchall()]
    return found + [_standing(_tool(row), row) for row in await registered.fetchall()]


def _standing(tool: Tool, row: dict[str, Any]) -> Standing:
    policy = Policy() if row["policy"] is None else Policy.model_validate(row["policy"])
    return Standing(tool, policy, row["is_granted"])


def _tool(row: dict[str, Any]) -> Tool:
    return Tool(
        row["name"],
        row["version"],
        row["kind"],
        row["description"],
        row["parameters"],
        SideEffect(row["side_effect"]),
        row["invocation"],
        row["source"],
    )

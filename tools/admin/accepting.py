"""An admin accepts what an MCP server offers: new tools and new versions, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.db import Connection
from core.errors import Conflict, Invalid
from core.tenancy import TenantContext
from tools.admin import offering
from tools.admin.sources import stricter
from tools.builtin.kind import BUILTIN
from tools.definitions import SideEffect
from tools.mcp import offers, servers
from tools.mcp.drafts import Draft
from tools.registry import grants, tools, writers
from tools.registry.grants import NewGrant
from tools.registry.tools import Registered
from tools.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Choice:
    """All by tools' names on the server. `chosen` None means every one, and those that are gone.

    `pins` are hashes that the admin was shown: what has another one by now is not accepted.
    """

    chosen: frozenset[str] | None = None
    pins: Mapping[str, bytes] = field(default_factory=dict)
    side_effects: Mapping[str, SideEffect] = field(default_factory=dict)
    prefix: str | None = None
    grants: tuple[NewGrant, ...] = ()

    @property
    def named(self) -> frozenset[str]:
        return frozenset({*(self.chosen or ()), *self.pins, *self.side_effects})


@dataclass(frozen=True, slots=True)
class Accepted:
    """Names of tools: new ones, those with a new version, and those that are withdrawn because they are gone."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    withdrawn: tuple[str, ...]


async def accept(toolbox: Toolbox, ctx: TenantContext, name: str, choice: Choice) -> Accepted:
    """All of it or nothing; tools that are registered keep their names.

    Raises `NotFound`, `Invalid` for what is not offered, `Conflict` for names that other tools have, and for what
    the server has changed meanwhile.
    """
    seen = await offering.known(toolbox, ctx, name, prefix=choice.prefix)
    if unknown := sorted(choice.named - seen.drafts.keys() - seen.gone):
        named = ", ".join(each[:100] for each in unknown[:5])
        raise Invalid(f"The server offers no tools of these names that can be accepted: {named}.", code="not_offered")
    taking = [draft for tool, draft in seen.drafts.items() if choice.chosen is None or tool in choice.chosen]
    gone = seen.gone if choice.chosen is None else seen.gone & choice.chosen
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        if await servers.get(connection, ctx, name, lock=True) != seen.server:
            raise Conflict("The server was changed meanwhile; look at it again.", code="offer_changed")
        pins = {draft.tool: choice.pins.get(draft.tool, draft.pin) for draft in taking}
        await offers.accept(connection, ctx, name, pins)
        registered = await offering.registered_of(connection, ctx, name)
        created = [draft for draft in taking if draft.tool not in registered]
        await _create(connection, ctx, name, created, choice)
        changed = await _change(connection, ctx, taking, registered, choice)
        await offers.withdraw(connection, ctx, name, gone)
        withdrawn = [registered[tool].name for tool in sorted(gone) if tool in registered]
        for each in withdrawn:
            await tools.set_withdrawn(connection, ctx, each, withdrawn=True)
        for draft in taking:
            if (back := registered.get(draft.tool)) and back.withdrawn:
                await tools.set_withdrawn(connection, ctx, back.name, withdrawn=False)
    return Accepted(tuple(draft.name for draft in created), tuple(changed), tuple(withdrawn))


async def _create(
    connection: Connection, ctx: TenantContext, server: str, created: Sequence[Draft], choice: Choice
) -> None:
    names = [draft.name for draft in created]
    taken = {*await tools.taken(connection, ctx, names), *(name for name in names if name in BUILTIN)}
    if taken:
        named = ", ".join(sorted(taken)[:5])
        raise Conflict(f"There are tools of these names already: {named}. Pass a `prefix`.", code="tool_exists")
    for draft in created:
        version = _version(draft, choice.side_effects.get(draft.tool, draft.side_effect))
        await tools.create(connection, ctx, draft.name, version, source=server)
    await grants.add_each(connection, ctx, names, choice.grants)


async def _change(
    connection: Connection,
    ctx: TenantContext,
    taking: Sequence[Draft],
    registered: Mapping[str, Registered],
    choice: Choice,
) -> list[str]:
    changed = []
    for draft in taking:
        if before := registered.get(draft.tool):
            version = _version(draft, choice.side_effects.get(draft.tool, _kept(before, draft)))
            if version != _latest(before):
                await tools.add_version(connection, ctx, before.name, version)
                changed.append(before.name)
    return changed


def _kept(before: Registered, draft: Draft) -> SideEffect:
    """An admin's word, as long as it was said of this very definition."""
    is_same = before.invocation["pin"] == draft.pin.hex()
    return before.side_effect if is_same else stricter(before.side_effect, draft.side_effect)


def _version(draft: Draft, side_effect: SideEffect) -> tools.Draft:
    return tools.Draft("mcp", draft.description, draft.parameters, side_effect, draft.invocation)


def _latest(tool: Registered) -> tools.Draft:
    return tools.Draft(tool.kind, tool.description, tool.parameters, tool.side_effect, tool.invocation)

"""What an MCP server offers, as an admin is shown it beside what is registered of it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from core.db import Connection
from core.errors import Invalid
from core.tenancy import TenantContext
from tools.admin.previews import within_reason
from tools.calls import Kind
from tools.definitions import KindName, SideEffect
from tools.mcp import offers, refreshing, servers
from tools.mcp.drafts import Draft, drafts_of
from tools.mcp.offers import Offer
from tools.mcp.pins import Skipped
from tools.mcp.servers import Server
from tools.registry import drafts, tools
from tools.registry.tools import Registered
from tools.toolbox import Toolbox

Change = Literal["added", "changed", "removed", "unchanged"]


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """`tool` is its name on the server, `name` as which it is registered, or would be.

    Whatever is not `unchanged` is held back: no call of it is made. `pin` is the hash of what is offered, None of a
    removed tool. `parameters` are None of the last of very many, too.
    """

    tool: str
    name: str
    change: Change
    is_registered: bool
    description: str
    side_effect: SideEffect
    parameters: dict[str, Any] | None
    pin: str | None
    notes: tuple[str, ...]
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Offering:
    """As of when the server was last asked. What is `skipped` cannot be accepted."""

    server: Server
    tools: tuple[OfferedTool, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """`drafts` are of what is offered and may be registered, `registered` what is; both by names on the server."""

    server: Server
    offers: tuple[Offer, ...]
    drafts: Mapping[str, Draft]
    registered: Mapping[str, Registered]
    skipped: tuple[Skipped, ...]

    @property
    def gone(self) -> frozenset[str]:
        return frozenset(offer.tool for offer in self.offers if offer.definition is None)


async def refresh(toolbox: Toolbox, ctx: TenantContext, name: str) -> Offering:
    """Asks the server. Raises `NotFound`, `NotConnected`, `PeerFailed`, `UrlRefused`."""
    found = await refreshing.refresh(toolbox.database, toolbox.egress, toolbox.credentials, ctx, name)
    seen = await last_seen(toolbox, ctx, name)
    return replace(seen, skipped=(*found.skipped, *seen.skipped))


async def last_seen(toolbox: Toolbox, ctx: TenantContext, name: str) -> Offering:
    """Without asking the server. Raises `NotFound`."""
    seen = await known(toolbox, ctx, name)
    return Offering(seen.server, tuple(_shown(seen)), seen.skipped)


async def known(toolbox: Toolbox, ctx: TenantContext, name: str, *, prefix: str | None = None) -> Known:
    """`prefix` is of names that are not registered yet. Raises `NotFound`."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        server = await servers.get(connection, ctx, name)
        found = await offers.of_server(connection, ctx, name)
        registered = await registered_of(connection, ctx, name)
    made, skipped = await asyncio.to_thread(_checked, toolbox.kinds, server, found, prefix)
    return Known(server, tuple(found), {draft.tool: draft for draft in made}, registered, tuple(skipped))


async def registered_of(connection: Connection, ctx: TenantContext, name: str) -> dict[str, Registered]:
    return {tool.invocation["tool"]: tool for tool in await tools.of_source(connection, ctx, name)}


def _checked(
    kinds: Mapping[KindName, Kind], server: Server, found: Sequence[Offer], prefix: str | None
) -> tuple[list[Draft], list[Skipped]]:
    """As they would be registered. Takes CPU time."""
    made, unusable = drafts_of(server, found, prefix=prefix)
    usable, skipped = [], list(unusable)
    for draft in made:
        try:
            checked = drafts.checked(
                kinds,
                kind="mcp",
                description=draft.description,
                parameters=draft.parameters,
                side_effect=draft.side_effect,
                invocation=draft.invocation,
            )
        except Invalid as exc:
            skipped.append(Skipped(draft.tool, exc.detail))
        else:
            usable.append(replace(draft, parameters=checked.parameters, invocation=checked.invocation))
    return usable, skipped


def _shown(seen: Known) -> Iterator[OfferedTool]:
    shown = [offer for offer in seen.offers if offer.tool in seen.drafts or offer.tool in seen.registered]
    schemas = within_reason(seen.drafts[offer.tool].parameters for offer in shown if offer.tool in seen.drafts)
    for offer in shown:
        before = seen.registered.get(offer.tool)
        draft = seen.drafts.get(offer.tool)
        about = draft or before
        assert about is not None, "it is one of the two"
        yield OfferedTool(
            offer.tool,
            before.name if before else about.name,
            _change(offer),
            before is not None,
            about.description,
            before.side_effect if before else about.side_effect,
            next(schemas) if draft else None,
            offer.pin.hex() if offer.pin else None,
            draft.notes if draft else (),
            offer.seen_at,
        )


def _change(offer: Offer) -> Change:
    if offer.pin is None:
        return "removed"
    if offer.accepted_pin is None:
        return "added"
    return "unchanged" if offer.pin == offer.accepted_pin else "changed"

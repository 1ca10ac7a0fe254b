"""From what a server offers to a tool that a model can be given."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.definitions import LONGEST_DESCRIPTION, SideEffect
from tools.mcp.invocation import McpInvocation
from tools.mcp.offers import Offer
from tools.mcp.parameters import Unusable, parameters_of, readable
from tools.mcp.pins import Skipped
from tools.mcp.servers import Server

LONGEST_TOOL_NAME = 64


@dataclass(frozen=True, slots=True)
class Draft:
    """`tool` is its name on the server; of its hints only that it reads is taken, which an admin may override."""

    name: str
    tool: str
    description: str
    parameters: dict[str, Any]
    side_effect: SideEffect
    invocation: dict[str, Any] = field(repr=False)
    pin: bytes
    notes: tuple[str, ...] = ()


def drafts_of(
    server: Server, offers: Sequence[Offer], *, prefix: str | None = None
) -> tuple[tuple[Draft, ...], tuple[Skipped, ...]]:
    """Of all that the server offers now, accepted or not, in the order of `offers`."""
    present = [offer for offer in offers if offer.definition is not None]
    names = _names([offer.tool for offer in present], prefix)
    drafts, skipped = [], []
    for offer in present:
        try:
            drafts.append(_draft(server, offer, names[offer.tool]))
        except Unusable as exc:
            skipped.append(Skipped(offer.tool, str(exc)))
    return tuple(drafts), tuple(skipped)


def _draft(server: Server, offer: Offer, name: str) -> Draft:
    assert offer.definition is not None and offer.pin is not None, "it is offered"
    parameters, notes = parameters_of(offer.definition.get("inputSchema"))
    reads = (offer.definition.get("annotations") or {}).get("readOnlyHint") is True
    invocation = McpInvocation(
        server=server.name, tool=offer.tool, pin=offer.pin.hex(), security=server.security
    ).model_dump(mode="json")
    return Draft(
        name=name,
        tool=offer.tool,
        description=_description(server, offer.definition),
        parameters=parameters,
        side_effect=SideEffect.READ if reads else SideEffect.WRITE,
        invocation=invocation,
        pin=offer.pin,
        notes=notes,
    )


def _description(server: Server, definition: dict[str, Any]) -> str:
    for written in (definition.get("description"), definition.get("title")):
        if shown := readable(written or ""):
            return shown if len(shown) <= LONGEST_DESCRIPTION else f"{shown[: LONGEST_DESCRIPTION - 1]}…"
    return f"{readable(definition['name'])} of the server {server.name}."[:LONGEST_DESCRIPTION]


def _names(tools: Sequence[str], prefix: str | None) -> dict[str, str]:
    """Names for function calling. Where two would become the same, each gets a part of its own name's hash."""
    plain = {tool: _plain(tool, prefix) for tool in tools}
    uses = Counter(plain.values())
    return {tool: name if uses[name] == 1 else _marked(tool, name) for tool, name in plain.items()}


def _plain(tool: str, prefix: str | None) -> str:
    ascii_ = unicodedata.normalize("NFKD", tool).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-zA-Z0-9_-]+", "_", ascii_).strip("_")
    name = "_".join(part for part in (prefix, words or "tool") if part)
    return name if words and len(name) <= LONGEST_TOOL_NAME else _marked(tool, name)


def _marked(tool: str, name: str) -> str:
    mark = hashlib.sha256(tool.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_TOOL_NAME - 9]}_{mark}"

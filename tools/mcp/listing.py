"""What a server offers, page by page, as much of it as there may be."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import mcp_types

from tools.egress.client import PeerFailed
from tools.mcp.pins import Offered, Skipped, offered
from tools.mcp.session import Session

MOST_TOOLS = 1000
MOST_PAGES = 50
MAX_BYTES = 4 * 1024 * 1024  # of one page


@dataclass(frozen=True, slots=True)
class Listing:
    """In the server's order."""

    offered: tuple[Offered, ...]
    skipped: tuple[Skipped, ...]


async def listing(session: Session) -> Listing:
    """Raises `PeerFailed` for a list without an end."""
    found: dict[str, Offered] = {}
    skipped: list[Skipped] = []
    async for tool in _tools(session):
        made = offered(tool)
        if isinstance(made, Skipped):
            skipped.append(made)
        elif made.tool in found:
            skipped.append(Skipped(made.tool, "the server offers two tools of this name; the first one counts"))
        else:
            found[made.tool] = made
    return Listing(tuple(found.values()), tuple(skipped))


async def pin_of(session: Session, tool: str) -> bytes | None:
    """As the server offers it at this moment, None when it does not. Raises `PeerFailed` as `listing` does."""
    async for each in _tools(session):
        if each.name == tool:
            made = offered(each)
            return made.pin if isinstance(made, Offered) else None
    return None


async def _tools(session: Session) -> AsyncIterator[mcp_types.Tool]:
    cursor: str | None = None
    count = 0
    for _ in range(MOST_PAGES):
        page = await session.list_tools(cursor)
        count += len(page.tools)
        if count > MOST_TOOLS:
            raise PeerFailed(f"The server offers more than {MOST_TOOLS} tools; ask its operator for a smaller one.")
        for tool in page.tools:
            yield tool
        cursor = page.next_cursor
        if cursor is None:
            return
    raise PeerFailed(f"The server's list of tools has more than {MOST_PAGES} pages.")

"""Asks a server what it offers now. Nothing of it can be called before an admin accepts it."""

from dataclasses import dataclass

import anyio

from core.db import Database
from core.errors import Conflict
from core.tenancy import TenantContext
from tools.credentials.credentials import Credentials
from tools.egress.client import Egress
from tools.mcp import offers, servers
from tools.mcp.listing import MAX_BYTES, listing
from tools.mcp.offers import Offer
from tools.mcp.pins import Difference, Skipped
from tools.mcp.servers import Server
from tools.mcp.session import connected
from tools.request import HttpRequest

REFRESH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Refreshed:
    """`offers` by name, those too that were accepted once and are gone; `skipped` cannot be taken up at all."""

    server: Server
    offers: tuple[Offer, ...]
    skipped: tuple[Skipped, ...]

    @property
    def difference(self) -> Difference:
        return offers.difference_of(self.offers)


async def refresh(
    database: Database,
    egress: Egress,
    credentials: Credentials,
    ctx: TenantContext,
    name: str,
    *,
    seconds: float = REFRESH_SECONDS,
) -> Refreshed:
    """Raises `NotFound`, `NotConnected`, `PeerFailed`, `UrlRefused`; then what was known of the server stays."""
    async with database.tenant_transaction(ctx) as connection:
        asked = await servers.get(connection, ctx, name)
    request = HttpRequest("POST", asked.url)
    request = await credentials.authorized(ctx, asked.credential_owner, asked.security, request)
    deadline = anyio.current_time() + seconds
    async with connected(egress, ctx, request, protocol=None, deadline=deadline, max_bytes=MAX_BYTES) as session:
        protocol, found = session.protocol, await listing(session)
    async with database.tenant_transaction(ctx) as connection:
        server = await servers.get(connection, ctx, name, lock=True)
        if server.url != asked.url:
            raise Conflict("The server's URL was changed while the old one was asked; refresh it again.")
        await servers.remember_protocol(connection, ctx, name, protocol)
        await offers.record(connection, ctx, name, found.offered)
        known = await offers.of_server(connection, ctx, name)
        return Refreshed(await servers.get(connection, ctx, name), tuple(known), found.skipped)

"""Access tokens of OAuth 2: from the vault while they last, renewed by one process when they end."""

import asyncio
from uuid import UUID

from core.db import Database
from core.tenancy import TenantContext
from tenants.vault import Vault
from tools.credentials import held, renewals
from tools.credentials.held import Held, OAuth2
from tools.credentials.schemes import ClientCredentials
from tools.credentials.single_flight import SingleFlight
from tools.credentials.token_endpoint import SECONDS, TokenRefused, request_tokens
from tools.egress.client import Egress

# A process that dies while it renews holds the others up for no longer than this.
LEASE_SECONDS = SECONDS + 5
WAIT_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.1


class AccessTokens:
    def __init__(self, database: Database, vault: Vault, egress: Egress) -> None:
        self._database = database
        self._vault = vault
        self._egress = egress
        self._renewals: SingleFlight[str | None] = SingleFlight()

    async def current(self, ctx: TenantContext, owner: str, scheme: OAuth2) -> str | None:
        """None when somebody has to connect first. Raises `TokenRefused`, and what the egress client raises."""
        async with self._database.tenant_transaction(ctx) as connection:
            found = await held.read(connection, self._vault, ctx, owner, scheme)
        if _question(scheme, found) is None:
            return found.fresh_token if found else None
        key = (ctx.tenant_id, owner, scheme, held.holder(ctx, scheme))
        return await self._renewals.run(key, lambda: self._renewed(ctx, owner, scheme))

    async def _renewed(self, ctx: TenantContext, owner: str, scheme: OAuth2) -> str | None:
        """By this process, or by the one that has the lease."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    found, lease = await self._leased(ctx, owner, scheme)
                    question = _question(scheme, found)
                    if found is None or question is None:
                        return found.fresh_token if found else None
                    if lease:
                        return await self._requested(ctx, owner, scheme, found, question, lease)
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError as exc:
            raise TokenRefused("The token server takes too long; try again later.") from exc

    async def _leased(self, ctx: TenantContext, owner: str, scheme: OAuth2) -> tuple[Held | None, UUID | None]:
        """What is held, and the lease if there is something to renew and nobody else has it."""
        name, user_id = held.token_name(scheme.id), held.holder(ctx, scheme)
        async with self._database.tenant_transaction(ctx) as connection:
            # The lease comes first: what is read after it nobody else is about to renew.
            lease = await renewals.lease(connection, ctx, owner, name, user_id, seconds=LEASE_SECONDS)
            found = await held.read(connection, self._vault, ctx, owner, scheme)
            if lease and _question(scheme, found) is None:
                await renewals.release(connection, ctx, lease)
        return found, lease

    async def _requested(
        self, ctx: TenantContext, owner: str, scheme: OAuth2, found: Held, question: dict[str, str], lease: UUID
    ) -> str | None:
        try:
            tokens = await request_tokens(self._egress, ctx.tenant_id, scheme.token_url, found.client, question)
        except BaseException as error:
            over = isinstance(error, TokenRefused) and error.grant_is_over and "refresh_token" in question
            async with self._database.tenant_transaction(ctx) as connection:
                if await renewals.release(connection, ctx, lease) and over:
                    await self._vault.delete(
                        connection, ctx, owner, held.token_name(scheme.id), user_id=held.holder(ctx, scheme)
                    )
            if over:
                return None
            raise
        async with self._database.tenant_transaction(ctx) as connection:
            # Whoever disconnects, or connects anew, ends the lease: then these tokens are not kept.
            if await renewals.release(connection, ctx, lease):
                await held.keep(connection, self._vault, ctx, owner, scheme, found, tokens)
        return tokens.access_token


def _question(scheme: OAuth2, found: Held | None) -> dict[str, str] | None:
    """What the token server is asked; None when there is no need to, or nothing to ask with."""
    if found is None or found.fresh_token:
        return None
    if isinstance(scheme, ClientCredentials):
        return {"grant_type": "client_credentials"} | ({"scope": " ".join(scheme.scopes)} if scheme.scopes else {})
    refresh_token = found.tokens.secret.get("refresh_token") if found.tokens else None
    return {"grant_type": "refresh_token", "refresh_token": refresh_token} if refresh_token else None

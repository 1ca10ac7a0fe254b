"""Puts a tool's secrets on its request, just before it is sent."""

from collections.abc import Sequence
from contextlib import suppress

from core.db import Database
from core.errors import AtriumError
from core.tenancy import TenantContext
from tenants.vault import Vault
from tools.credentials.access_tokens import AccessTokens
from tools.credentials.placing import with_secret
from tools.credentials.schemes import AuthorizationCode, ClientCredentials, Scheme
from tools.egress.client import Egress
from tools.request import HttpRequest


class NotConnected(AtriumError):
    """The secret is missing: `owner` and `scheme` say which; whoever is meant has to connect it first."""

    status = 409
    code = "not_connected"

    def __init__(self, owner: str, scheme: Scheme) -> None:
        super().__init__(f"{owner} is not connected: its credential {scheme.id} is missing.")
        self.owner = owner
        self.scheme = scheme


class Credentials:
    def __init__(self, database: Database, vault: Vault, egress: Egress) -> None:
        self._database = database
        self._vault = vault
        self._tokens = AccessTokens(database, vault, egress)

    async def authorized(
        self, ctx: TenantContext, owner: str, schemes: Sequence[Scheme], request: HttpRequest
    ) -> HttpRequest:
        """`request` with what every scheme asks for, and `secrets` that say what to mask.

        Raises `NotConnected`, `VaultUnusable`, and for OAuth 2 `TokenRefused` and what the egress client raises.
        """
        for scheme in schemes:
            secret = await self._secret(ctx, owner, scheme)
            if secret is None:
                raise NotConnected(owner, scheme)
            request = with_secret(request, scheme, secret)
        return request

    async def missing(self, ctx: TenantContext, owner: str, schemes: Sequence[Scheme]) -> list[Scheme]:
        """Those of `schemes` that somebody has to connect first; trouble of another kind shows in the call."""
        found = []
        for scheme in schemes:
            with suppress(AtriumError):
                if await self._secret(ctx, owner, scheme) is None:
                    found.append(scheme)
        return found

    async def _secret(self, ctx: TenantContext, owner: str, scheme: Scheme) -> dict[str, str] | None:
        if isinstance(scheme, ClientCredentials | AuthorizationCode):
            token = await self._tokens.current(ctx, owner, scheme)
            return {"token": token} if token else None
        user_id = ctx.user_id if scheme.per_user else None
        async with self._database.tenant_transaction(ctx) as connection:
            stored = await self._vault.get(connection, ctx, owner, scheme.id, user_id=user_id)
        return stored.secret if stored else None

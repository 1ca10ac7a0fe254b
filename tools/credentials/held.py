"""What the vault holds for an OAuth 2 scheme: the client that the tenant registered, and the tokens it was given."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from core.db import Connection
from core.tenancy import TenantContext
from tenants.vault import Stored, Vault
from tools.credentials.schemes import AuthorizationCode, ClientCredentials
from tools.credentials.token_endpoint import Tokens

OAuth2 = ClientCredentials | AuthorizationCode

# Of an access token that nobody says when it ends, and nobody refreshes.
_UNSAID_LIFETIME = 300.0  # seconds
_SPARE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Held:
    """`tokens` is {"access_token", "refresh_token" if there is one, "grant"}, None until there are some."""

    client: dict[str, str] = field(repr=False)
    tokens: Stored | None

    @property
    def fresh_token(self) -> str | None:
        """The access token, unless it ends within half a minute."""
        if self.tokens is None:
            return None
        ends = self.tokens.expires_at
        return self.tokens.secret["access_token"] if ends is None or ends > datetime.now(UTC) + _SPARE else None


def token_name(scheme_id: str) -> str:
    """As which its tokens are kept; no scheme's id has a colon."""
    return f"{scheme_id}:token"


def holder(ctx: TenantContext, scheme: OAuth2) -> UUID | None:
    """Whose the tokens are: None for the tenant's own."""
    return ctx.user_id if scheme.per_user else None


async def read(connection: Connection, vault: Vault, ctx: TenantContext, owner: str, scheme: OAuth2) -> Held | None:
    """None without a client. Tokens that another client or server gave, or for other scopes, are none."""
    # People connect their accounts through a client that is the tenant's.
    whose = None if isinstance(scheme, AuthorizationCode) else holder(ctx, scheme)
    client = await vault.get(connection, ctx, owner, scheme.id, user_id=whose)
    if client is None:
        return None
    tokens = await vault.get(connection, ctx, owner, token_name(scheme.id), user_id=holder(ctx, scheme))
    if tokens is not None and tokens.secret["grant"] != _grant(scheme, client.secret):
        tokens = None
    return Held(client.secret, tokens)


async def keep(
    connection: Connection,
    vault: Vault,
    ctx: TenantContext,
    owner: str,
    scheme: OAuth2,
    held: Held,
    tokens: Tokens,
) -> None:
    """A refresh token stays until the server gives another (RFC 6749, 6)."""
    secret = {"access_token": tokens.access_token, "grant": _grant(scheme, held.client)}
    before = held.tokens.secret.get("refresh_token") if held.tokens else None
    if refresh_token := tokens.refresh_token or before:
        secret["refresh_token"] = refresh_token
    lifetime = tokens.lifetime
    if lifetime is None and isinstance(scheme, ClientCredentials):
        lifetime = _UNSAID_LIFETIME
    await vault.put(
        connection,
        ctx,
        owner,
        token_name(scheme.id),
        secret,
        user_id=holder(ctx, scheme),
        expires_at=None if lifetime is None else datetime.now(UTC) + timedelta(seconds=lifetime),
    )


def _grant(scheme: OAuth2, client: dict[str, str]) -> str:
    """By whom and for what tokens were given. People stay connected when their tenant's client secret changes."""
    if isinstance(scheme, AuthorizationCode):
        given = [scheme.authorization_url, scheme.token_url, *scheme.scopes, client["client_id"]]
    else:
        given = [scheme.token_url, *scheme.scopes, *(f"{name}={client[name]}" for name in sorted(client))]
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()

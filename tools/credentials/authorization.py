"""OAuth 2 authorization code with PKCE: RFC 6749, 4.1, RFC 7636 and RFC 9207, from the way out to the way back."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from psycopg.types.json import Jsonb

from core.crypto import random_token, token_digest
from core.db import Database
from core.errors import Conflict, Invalid, NotFound
from core.tenancy import Role, TenantContext
from tenants.vault import Vault
from tools.credentials import held, renewals
from tools.credentials.connections import Connected
from tools.credentials.held import Held, holder, token_name
from tools.credentials.schemes import AuthorizationCode
from tools.credentials.token_endpoint import request_tokens
from tools.egress.client import Egress
from tools.egress.policy import check_url

LIFETIME = timedelta(minutes=10)
_LONGEST_STATE = 200
_LONGEST_CODE = 4096
_STATE = b'["oauth state"]'


@dataclass(frozen=True, slots=True)
class AuthorizationStart:
    """`url` is where the member's browser goes; it comes back with `state` before `expires_at`, or not at all."""

    url: str = field(repr=False)
    expires_at: datetime


class Authorizations:
    def __init__(self, database: Database, vault: Vault, egress: Egress) -> None:
        self._database = database
        self._vault = vault
        self._egress = egress

    async def begin(
        self, ctx: TenantContext, owner: str, scheme: AuthorizationCode, *, redirect_uri: str
    ) -> AuthorizationStart:
        """Raises `Conflict` until the tenant has stored a client, `UrlRefused` for a page nobody may be sent to."""
        check_url(scheme.authorization_url, self._egress.policy, ctx.tenant_id)
        state = _state(self._vault, ctx)
        verifier = random_token()
        expires_at = datetime.now(UTC) + LIFETIME
        async with self._database.tenant_transaction(ctx) as connection:
            found = await held.read(connection, self._vault, ctx, owner, scheme)
            if found is None:
                raise Conflict(f"Nobody can connect {owner} yet: an admin stores the client of {scheme.id} first.")
            await connection.execute(
                "DELETE FROM oauth_authorizations WHERE tenant_id = %s AND expires_at < now()", (ctx.tenant_id,)
            )
            await connection.execute(
                "INSERT INTO oauth_authorizations"
                " (tenant_id, state_digest, owner, scheme, user_id, verifier, expires_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (ctx.tenant_id, token_digest(state), owner, Jsonb(scheme.model_dump(mode="json")), ctx.user_id,
                 self._vault.keys.seal(verifier.encode(), _verifier_of(state)), expires_at),
            )  # fmt: skip
        asked = {
            "response_type": "code",
            "client_id": found.client["client_id"],
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        } | ({"scope": " ".join(scheme.scopes)} if scheme.scopes else {})
        return AuthorizationStart(_with_query(scheme.authorization_url, asked), expires_at)

    async def finish(
        self, ctx: TenantContext, *, state: str, code: str, redirect_uri: str, iss: str | None = None
    ) -> Connected:
        """Exchanges `code` and keeps the tokens. Once for each state, also when it fails.

        Raises `NotFound` for a state that is not this member's, `Invalid` when another server answered,
        `TokenRefused`, and what the egress client raises.
        """
        begun = await self._taken(ctx, state)
        scheme, owner = AuthorizationCode.model_validate(begun["scheme"]), begun["owner"]
        verifier = self._vault.keys.unseal(begun["verifier"], _verifier_of(state))
        if verifier is None:
            raise NotFound("authorization")
        if not 0 < len(code) <= _LONGEST_CODE or not _may_answer(scheme, iss):
            raise Invalid("This answer is not one of the server that was asked; connect again.")
        async with self._database.tenant_transaction(ctx) as connection:
            found = await held.read(connection, self._vault, ctx, owner, scheme)
        if found is None:
            raise NotFound("authorization")
        grant = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier.decode(),
        }
        tokens = await request_tokens(self._egress, ctx.tenant_id, scheme.token_url, found.client, grant)
        user_id = holder(ctx, scheme)
        async with self._database.tenant_transaction(ctx) as connection:
            await renewals.cancel(connection, ctx, owner, token_name(scheme.id), user_id)
            # An older connection's refresh token is none of this one's.
            new = Held(found.client, tokens=None)
            await held.keep(connection, self._vault, ctx, owner, scheme, new, tokens)
        return Connected(owner, scheme.id, user_id, datetime.now(UTC))

    async def _taken(self, ctx: TenantContext, state: str) -> dict[str, Any]:
        who = context_of_state(self._vault, state)
        if (who.tenant_id, who.user_id) != (ctx.tenant_id, ctx.user_id):
            raise NotFound("authorization")
        async with self._database.tenant_transaction(ctx) as connection:
            taken = await connection.execute(
                "DELETE FROM oauth_authorizations WHERE tenant_id = %s AND state_digest = %s AND user_id = %s"
                " AND expires_at > now() RETURNING owner, scheme, verifier",
                (ctx.tenant_id, token_digest(state), ctx.user_id),
            )
            begun = await taken.fetchone()
        if begun is None:
            raise NotFound("authorization")
        return begun


def context_of_state(vault: Vault, state: str) -> TenantContext:
    """Who began it, in the least role: a browser that is sent back brings nothing else. Raises `NotFound`."""
    try:
        sealed = base64.urlsafe_b64decode(state) if len(state) <= _LONGEST_STATE else b""
    except ValueError:
        sealed = b""
    ids = vault.keys.unseal(sealed, _STATE)
    if ids is None:
        raise NotFound("authorization")
    return TenantContext(UUID(bytes=ids[:16]), UUID(bytes=ids[16:32]), Role.VIEWER)


def _with_query(url: str, asked: dict[str, str]) -> str:
    """In the place of parameters of those names."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in asked]
    return parts._replace(query=urlencode([*kept, *asked.items()]), fragment="").geturl()


def _state(vault: Vault, ctx: TenantContext) -> str:
    """Sealed with a nonce of its own: nobody can guess one, nor make one for somebody else."""
    return base64.urlsafe_b64encode(vault.keys.seal(ctx.tenant_id.bytes + ctx.user_id.bytes, _STATE)).decode()


def _verifier_of(state: str) -> bytes:
    return json.dumps(["oauth verifier", token_digest(state).hex()]).encode()


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _may_answer(scheme: AuthorizationCode, issuer: str | None) -> bool:
    """A server that names itself is on the host of one of its endpoints: we know no more of it than those."""
    endpoints = {urlsplit(scheme.authorization_url).hostname, urlsplit(scheme.token_url).hostname}
    try:
        return issuer is None or urlsplit(issuer).hostname in endpoints
    except ValueError:
        return False

"""Access tokens: short-lived JWTs (RFC 7519) that say who acts, for which tenant, in which role.

The role is the token's for its whole life, at most `access_token_seconds`: verification asks no database, and
a member who is removed or demoted keeps the old role until the token expires.
"""

import secrets
import time
from uuid import UUID

import jwt
from jwt import ExpiredSignatureError, PyJWTError

from core.errors import Unauthenticated
from core.tenancy import Role, TenantContext
from tenants.signing_keys import SigningKeys

_REQUIRED = ["iss", "aud", "sub", "exp", "iat", "jti", "tid", "role"]
# Ours have about 500 characters with Ed25519 and 800 with RSA.
_LONGEST = 4096
# Between the clocks of two machines.
_SKEW_SECONDS = 5


class AccessTokens:
    """Issues and verifies. `lifetime_seconds` counts from the issue of each token."""

    def __init__(self, keys: SigningKeys, *, issuer: str, audience: str, lifetime_seconds: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self.lifetime_seconds = lifetime_seconds

    def issue(self, ctx: TenantContext) -> str:
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(ctx.user_id),
            "exp": now + self.lifetime_seconds,
            "iat": now,
            "jti": secrets.token_urlsafe(16),
            "tid": str(ctx.tenant_id),
            "role": ctx.role,
        }
        key = self._keys.signing
        return jwt.encode(claims, self._keys.private, algorithm=key.algorithm, headers={"kid": key.kid})

    def verify(self, token: str) -> TenantContext:
        """Raises `Unauthenticated` with the code `token_expired` or `token_invalid`."""
        if len(token) > _LONGEST:
            raise _invalid()
        try:
            return self._context(token)
        except ExpiredSignatureError as exc:
            raise Unauthenticated(
                "The access token has expired; refresh it or log in again.", code="token_expired"
            ) from exc
        except (PyJWTError, ValueError) as exc:
            raise _invalid() from exc

    def _context(self, token: str) -> TenantContext:
        key = self._keys.find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise _invalid()
        claims = jwt.decode(
            token,
            key.public,
            # Our key decides, whatever the token's header asks for (RFC 8725, 3.1).
            algorithms=[key.algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=_SKEW_SECONDS,
            options={"require": _REQUIRED, "strict_aud": True},
        )
        return TenantContext(UUID(str(claims["tid"])), UUID(str(claims["sub"])), Role(claims["role"]))


def _invalid() -> Unauthenticated:
    return Unauthenticated("The access token is not valid; log in again.", code="token_invalid")

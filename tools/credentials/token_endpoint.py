"""A token server's answers: RFC 6749, 5. What it says is judged, and never quoted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson

from tools.calls import ToolFailed
from tools.credentials.placing import basic_credentials
from tools.credentials.secret_fields import is_header_value
from tools.egress.client import Egress

SECONDS = 10.0
MAX_BYTES = 64 * 1024
_LONGEST_LIFETIME = 365 * 86400  # seconds


class TokenRefused(ToolFailed):
    """The token server gives no token. `grant_is_over` when what it was asked with is no longer good."""

    code = "token_refused"

    def __init__(self, detail: str, *, grant_is_over: bool = False) -> None:
        super().__init__(detail)
        self.grant_is_over = grant_is_over


@dataclass(frozen=True, slots=True)
class Tokens:
    """`lifetime` is of the access token in seconds; None when the server does not say."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    lifetime: float | None


async def request_tokens(
    egress: Egress, tenant_id: UUID, token_url: str, client: Mapping[str, str], grant: Mapping[str, str]
) -> Tokens:
    """`client` is as stored, `grant` what the body says of the grant. Raises `TokenRefused`, and what egress does."""
    form, headers = dict(grant), {"accept": "application/json"}
    if "client_secret" not in client:
        form["client_id"] = client["client_id"]
    elif client.get("token_endpoint_auth") == "post":
        form |= {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    else:
        pair = basic_credentials(quote(client["client_id"], safe=""), quote(client["client_secret"], safe=""))
        headers["authorization"] = f"Basic {pair}"
    async with egress.client(tenant_id, seconds=SECONDS, max_bytes=MAX_BYTES) as http:
        response = await http.post(token_url, data=form, headers=headers)
    said = _said(response.content)
    if response.status_code == 200:
        return _tokens(said)
    raise TokenRefused(
        f"The token server refused with status {response.status_code}: check the client and its scopes.",
        grant_is_over=said.get("error") == "invalid_grant",
    )


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _tokens(said: dict[str, Any]) -> Tokens:
    # Some servers answer an error with status 200.
    if "error" in said:
        raise TokenRefused("The token server refused.", grant_is_over=said["error"] == "invalid_grant")
    access_token, refresh_token = said.get("access_token"), said.get("refresh_token")
    if not isinstance(access_token, str) or not is_header_value(access_token):
        raise TokenRefused("The token server gave no access token that can be sent.")
    if str(said.get("token_type", "bearer")).lower() != "bearer":
        raise TokenRefused("The token server gave an access token of a type other than bearer.")
    if not isinstance(refresh_token, str) or not is_header_value(refresh_token):
        refresh_token = None
    return Tokens(access_token, refresh_token, _lifetime(said.get("expires_in")))


def _lifetime(said: object) -> float | None:
    """Seconds; several servers write them as a string."""
    try:
        seconds = float(said) if isinstance(said, int | float | str) else None
    except (ValueError, OverflowError):
        return None
    # Written so that NaN is none.
    return min(seconds, _LONGEST_LIFETIME) if seconds is not None and seconds >= 0 else None

"""Secrets on requests, seen by a real peer."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from pydantic import ValidationError

from core.db import Database
from core.errors import Invalid, NotFound
from core.tenancy import TenantContext
from tenants.vault import Vault
from tests.tools.peers import peer
from tools.calls import Limits
from tools.credentials import connections
from tools.credentials.credentials import Credentials, NotConnected
from tools.credentials.placing import with_secret
from tools.credentials.schemes import ApiKey, AuthorizationCode, Basic, Bearer, ClientCredentials, Scheme
from tools.credentials.secret_fields import check_secret
from tools.egress.client import Egress
from tools.request import HttpRequest
from tools.sending import send

OWNER = "tool:weather"
CANARY = "canary-5f1c9"
GET = HttpRequest("GET", "https://api.example/v1?q=a%20b#top", (("X-Trace", "1"),))

HEADER = ApiKey(id="header", location="header", name="X-Api-Key")
QUERY = ApiKey(id="query", location="query", name="key")
COOKIE = ApiKey(id="cookie", location="cookie", name="session")
BASIC = Basic(id="basic")
BEARER = Bearer(id="bearer")
CLIENT = ClientCredentials(id="client", token_url="https://api.example/token")
CODE = AuthorizationCode(
    id="code", authorization_url="https://api.example/authorize", token_url="https://api.example/token"
)
SECRETS: list[tuple[Scheme, dict[str, str], str]] = [
    (HEADER, {"api_key": CANARY}, rf"x-api-key: {CANARY}\r"),
    (QUERY, {"api_key": f"{CANARY} &="}, rf"^GET /v1\?q=a%20b&key={CANARY}%20%26%3D HTTP"),
    (COOKIE, {"api_key": CANARY}, rf"cookie: session={CANARY}\r"),
    (BASIC, {"username": "ann", "password": CANARY}, r"authorization: Basic YW5uOmNhbmFyeS01ZjFjOQ==\r"),
    (BEARER, {"token": CANARY}, rf"authorization: Bearer {CANARY}\r"),
]


@pytest.mark.parametrize(("scheme", "secret", "sent"), SECRETS, ids=lambda value: getattr(value, "id", None))
async def test_the_peer_receives_the_secret_where_the_scheme_says(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext,
    scheme: Scheme, secret: dict[str, str], sent: str,
) -> None:  # fmt: skip
    await connections.store(database, vault, acme, OWNER, scheme, secret)
    async with peer() as other:
        request = replace(GET, url=f"http://127.0.0.1:{other.port}/v1?q=a%20b")
        authorized = await Credentials(database, vault, egress).authorized(acme, OWNER, [scheme], request)
        await send(egress, acme, authorized, Limits())
    assert re.search(sent, other.requests[0].decode(), re.IGNORECASE | re.MULTILINE)
    assert b"X-Trace: 1".lower() in other.requests[0].lower()


@pytest.mark.parametrize(("scheme", "secret", "sent"), SECRETS, ids=lambda value: getattr(value, "id", None))
def test_everything_that_tells_the_secret_is_to_be_masked(scheme: Scheme, secret: dict[str, str], sent: str) -> None:
    request = with_secret(GET, scheme, secret)
    shown = f"{request.url} {request.headers}"
    for one in sorted(request.secrets, key=len, reverse=True):
        shown = shown.replace(one, "•")
    assert CANARY not in shown
    assert "YW5uO" not in shown
    assert "" not in request.secrets


async def test_all_schemes_of_a_tool_are_applied_together(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext
) -> None:
    for scheme, secret, _ in SECRETS[:4]:
        await connections.store(database, vault, acme, OWNER, scheme, secret)
    schemes = [scheme for scheme, _, _ in SECRETS[:4]]
    request = await Credentials(database, vault, egress).authorized(acme, OWNER, schemes, GET)
    assert {name for name, _ in request.headers} == {"X-Trace", "X-Api-Key", "Cookie", "Authorization"}
    assert parse_qs(urlsplit(request.url).query).keys() == {"q", "key"}
    assert urlsplit(request.url).fragment == "top"


@pytest.mark.parametrize("scheme", [HEADER, BASIC, BEARER, CLIENT, CODE], ids=lambda scheme: scheme.id)
async def test_a_missing_secret_names_what_to_connect(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, globex: TenantContext, scheme: Scheme
) -> None:
    client = {"client_id": "a", "client_secret": "b"}
    secrets = {scheme.id: secret for scheme, secret, _ in SECRETS} | {"client": client, "code": client}
    await connections.store(database, vault, globex, OWNER, scheme, secrets[scheme.id])
    await connections.store(database, vault, acme, "tool:other", scheme, secrets[scheme.id])
    with pytest.raises(NotConnected) as missing:
        await Credentials(database, vault, egress).authorized(acme, OWNER, [scheme], GET)
    assert (missing.value.owner, missing.value.scheme) == (OWNER, scheme)


async def test_a_per_user_secret_is_used_for_the_member_who_stored_it_and_for_nobody_else(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext
) -> None:
    scheme = Bearer(id="own", per_user=True)
    credentials = Credentials(database, vault, egress)
    ann, bob = (replace(acme, user_id=uuid4()) for _ in range(2))
    await connections.store(database, vault, ann, OWNER, scheme, {"token": "of-ann"})
    # A secret that the tenant shares is not one of theirs.
    await connections.store(database, vault, acme, OWNER, Bearer(id="own"), {"token": "of-all"})
    assert ("Authorization", "Bearer of-ann") in (await credentials.authorized(ann, OWNER, [scheme], GET)).headers
    with pytest.raises(NotConnected):
        await credentials.authorized(bob, OWNER, [scheme], GET)
    assert [(one.owner, one.scheme) for one in await connections.of_user(database, vault, ann)] == [(OWNER, "own")]
    assert await connections.of_user(database, vault, bob) == []
    with pytest.raises(NotFound):
        await connections.remove(database, vault, bob, OWNER, "own", user_id=bob.user_id)
    await connections.remove(database, vault, ann, OWNER, "own", user_id=ann.user_id)
    with pytest.raises(NotConnected):
        await credentials.authorized(ann, OWNER, [scheme], GET)


async def test_a_secret_that_is_stored_anew_is_the_one_that_is_sent(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext
) -> None:
    for version, token in enumerate(("first", "second"), start=1):
        assert await connections.store(database, vault, acme, OWNER, BEARER, {"token": token}) == version
    request = await Credentials(database, vault, egress).authorized(acme, OWNER, [BEARER], GET)
    assert ("Authorization", "Bearer second") in request.headers


def test_an_argument_cannot_stand_beside_the_secret_of_the_same_name() -> None:
    request = HttpRequest("GET", "https://api.example/?%6bey=mine&q=1&key", (("cookie", "session=mine; a=b"),))
    assert with_secret(request, QUERY, {"api_key": "real"}).url == "https://api.example/?q=1&key=real"
    assert with_secret(request, COOKIE, {"api_key": "real"}).headers == (("Cookie", "a=b; session=real"),)
    authorized = with_secret(replace(request, headers=(("authorization", "mine"),)), BEARER, {"token": "real"})
    assert authorized.headers == (("Authorization", "Bearer real"),)


def test_a_user_name_is_a_secret_where_the_password_is_none() -> None:
    assert CANARY in with_secret(GET, BASIC, {"username": CANARY, "password": "x"}).secrets
    assert "ann" not in with_secret(GET, BASIC, {"username": "ann", "password": CANARY}).secrets


@pytest.mark.parametrize(
    ("scheme", "secret", "named"),
    [
        (HEADER, {"api_key": "a\r\nHost: evil"}, "api_key"), (HEADER, {"api_key": ""}, "api_key"),
        (HEADER, {"api_key": " a"}, "api_key"), (HEADER, {"api_key": "é"}, "api_key"),
        (HEADER, {"api_key": 7}, "api_key"), (HEADER, {"api_key": "x" * 9000}, "api_key"),
        (HEADER, {"token": CANARY}, "api_key"), (HEADER, {}, "api_key"),
        (HEADER, {"api_key": CANARY, "more": CANARY}, "api_key"), (QUERY, {"api_key": "a\x00"}, "api_key"),
        (QUERY, {"api_key": "\ud800"}, "api_key"), (COOKIE, {"api_key": "a; b=c"}, "api_key"),
        (BASIC, {"username": "a:b", "password": "c"}, "username"), (BASIC, {"username": "a"}, "password"),
        (BASIC, {"username": "a", "password": "b\n"}, "password"), (BEARER, {"token": "a\nb"}, "token"),
        (CLIENT, {"client_id": "a"}, "client_secret"),
        (CLIENT, {"client_id": "a", "client_secret": "b", "token_endpoint_auth": "jwt"}, "token_endpoint_auth"),
        (CODE, {"client_secret": "b"}, "client_id"),
    ],
)  # fmt: skip
def test_a_secret_that_does_not_fit_names_the_fields_and_quotes_nothing(
    scheme: Scheme, secret: dict[str, str], named: str
) -> None:
    with pytest.raises(Invalid, match=f"`{named}`") as refused:
        check_secret(scheme, secret)
    assert CANARY not in refused.value.detail


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        *((scheme, secret) for scheme, secret, _ in SECRETS),
        (QUERY, {"api_key": "schlüssel"}),
        (BASIC, {"username": "", "password": ""}),
        (CLIENT, {"client_id": "a", "client_secret": "b+/=", "token_endpoint_auth": "post"}),
        (CODE, {"client_id": "a"}),
    ],
)
def test_a_secret_that_fits_is_taken_as_it_is(scheme: Scheme, secret: dict[str, str]) -> None:
    assert check_secret(scheme, secret) == secret


@pytest.mark.parametrize("name", ["X Key", "X-Key\r\nHost", "Host", "content-length", "é"])
def test_a_header_that_cannot_be_sent_is_no_scheme(name: str) -> None:
    with pytest.raises(ValidationError):
        ApiKey(id="a", location="header", name=name)


async def test_what_is_missing_is_told_for_all_schemes_at_once(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext
) -> None:
    await connections.store(database, vault, acme, OWNER, BASIC, {"username": "ann", "password": CANARY})
    missing = await Credentials(database, vault, egress).missing(acme, OWNER, [HEADER, BASIC, CODE])
    assert missing == [HEADER, CODE]

"""OAuth 2 authorization code with PKCE against a server of Authlib's; a browser is a client that follows nothing."""

import asyncio
import logging
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from starlette.responses import PlainTextResponse

from core.db import Database
from core.embedded import EmbeddedServers
from core.errors import Conflict, Invalid, NotFound
from core.tenancy import Role, TenantContext
from tenants.vault import Vault, VaultUnusable
from tests.tools.oauth_server import CALLBACK, OAuthPeer
from tests.until import until
from tools.credentials import connections
from tools.credentials.authorization import Authorizations, context_of_state
from tools.credentials.connections import Connected
from tools.credentials.credentials import Credentials, NotConnected
from tools.credentials.schemes import AuthorizationCode
from tools.credentials.token_endpoint import TokenRefused
from tools.egress.client import Egress
from tools.egress.policy import UrlRefused
from tools.request import HttpRequest

OWNER = "source:calendar"


class Room:
    """What a test does as a member, with the tenant's client stored."""

    def __init__(self, database: Database, vault: Vault, egress: Egress, oauth: OAuthPeer) -> None:
        self.database = database
        self.vault = vault
        self.oauth = oauth
        self.authorizations = Authorizations(database, vault, egress)
        self.credentials = Credentials(database, vault, egress)
        self.scheme = AuthorizationCode(
            id="calendar",
            per_user=True,
            authorization_url=oauth.url("/authorize?prompt=consent&state=not-ours"),
            token_url=oauth.url("/token"),
            scopes=("read",),
        )

    async def store_client(self, ctx: TenantContext) -> None:
        client = self.oauth.client()
        secret = {"client_id": client.client_id, "client_secret": client.client_secret}
        if client.method == "none":
            del secret["client_secret"]
        await connections.store(self.database, self.vault, ctx, OWNER, self.scheme, secret)

    async def answered(self, ctx: TenantContext) -> dict[str, str]:
        """`state` and `code` as the browser brings them back."""
        begun = await self.authorizations.begin(ctx, OWNER, self.scheme, redirect_uri=CALLBACK)
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(begun.url)
        location = answer.headers["location"]
        assert location.startswith(CALLBACK)
        return {name: value for name, (value,) in parse_qs(urlsplit(location).query).items()}

    async def finish(self, ctx: TenantContext, answer: dict[str, str]) -> Connected:
        return await self.authorizations.finish(ctx, **answer, redirect_uri=CALLBACK)

    async def connect(self, ctx: TenantContext) -> Connected:
        return await self.finish(ctx, await self.answered(ctx))

    async def status(self, ctx: TenantContext) -> int:
        """What the API answers to a call of the member's."""
        request = HttpRequest("GET", self.oauth.url("/api"))
        request = await self.credentials.authorized(ctx, OWNER, [self.scheme], request)
        async with httpx.AsyncClient() as client:
            return (await client.get(request.url, headers=list(request.headers))).status_code


@pytest.fixture
async def room(database: Database, vault: Vault, egress: Egress, oauth: OAuthPeer, acme: TenantContext) -> Room:
    opened = Room(database, vault, egress, oauth)
    await opened.store_client(acme)
    return opened


@pytest.fixture
def ann(acme: TenantContext) -> TenantContext:
    return replace(acme, user_id=uuid4(), role=Role.MEMBER)


@pytest.fixture
def bob(acme: TenantContext) -> TenantContext:
    return replace(acme, user_id=uuid4(), role=Role.MEMBER)


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
async def test_a_member_connects_and_calls_as_themselves(
    room: Room, acme: TenantContext, ann: TenantContext, bob: TenantContext, method: str
) -> None:
    room.oauth.client().method = method
    await room.store_client(acme)
    with pytest.raises(NotConnected):
        await room.status(ann)
    connected = await room.connect(ann)
    assert (connected.owner, connected.scheme, connected.user_id) == (OWNER, "calendar", ann.user_id)
    assert await room.status(ann) == 200
    with pytest.raises(NotConnected):
        await room.status(bob)


async def test_what_is_not_per_user_is_connected_for_the_tenant(
    room: Room, acme: TenantContext, bob: TenantContext
) -> None:
    room.scheme = room.scheme.model_copy(update={"per_user": False})
    await room.store_client(acme)
    assert (await room.connect(acme)).user_id is None
    assert await room.status(bob) == 200


async def test_the_page_is_asked_with_pkce_and_keeps_its_own_parameters(room: Room, ann: TenantContext) -> None:
    begun = await room.authorizations.begin(ann, OWNER, room.scheme, redirect_uri=CALLBACK)
    asked = parse_qs(urlsplit(begun.url).query)
    assert (asked["prompt"], asked["scope"], asked["code_challenge_method"]) == (["consent"], ["read"], ["S256"])
    assert len(asked["state"]) == 1
    assert str(ann.tenant_id) not in begun.url
    assert asked["state"][0] not in repr(begun)


async def test_a_code_is_worth_nothing_with_another_authorizations_verifier(room: Room, ann: TenantContext) -> None:
    first, second = await room.answered(ann), await room.answered(ann)
    with pytest.raises(TokenRefused):
        await room.finish(ann, {"state": first["state"], "code": second["code"]})
    with pytest.raises(NotConnected):
        await room.status(ann)


async def test_a_state_is_good_once(room: Room, ann: TenantContext) -> None:
    answer = await room.answered(ann)
    await room.finish(ann, answer)
    with pytest.raises(NotFound):
        await room.finish(ann, answer)
    assert len(room.oauth.asked) == 1


async def test_a_state_that_comes_back_twice_at_once_is_good_once(room: Room, ann: TenantContext) -> None:
    answer = await room.answered(ann)
    outcomes = await asyncio.gather(*(room.finish(ann, answer) for _ in range(5)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Connected"] + ["NotFound"] * 4


async def test_nobody_finishes_what_another_member_or_tenant_began(
    room: Room, ann: TenantContext, bob: TenantContext, globex: TenantContext
) -> None:
    answer = await room.answered(ann)
    stranger = replace(ann, tenant_id=globex.tenant_id)
    said = set()
    for ctx, given in [(bob, answer), (globex, answer), (stranger, answer), (ann, answer | {"state": "unknown"})]:
        with pytest.raises(NotFound) as refused:
            await room.finish(ctx, given)
        said.add(refused.value.detail)
    assert len(said) == 1
    assert room.oauth.asked == []
    await room.finish(ann, answer)


async def test_a_state_says_who_began_and_nobody_can_make_one(room: Room, ann: TenantContext) -> None:
    state = (await room.answered(ann))["state"]
    who = context_of_state(room.vault, state)
    assert (who.tenant_id, who.user_id, who.role) == (ann.tenant_id, ann.user_id, Role.VIEWER)
    swapped = state[:40] + ("A" if state[40] != "A" else "B") + state[41:]
    for forged in ("", "é", "=", "A" * 102, "A" * 100_000, swapped, state[:-4]):
        with pytest.raises(NotFound):
            context_of_state(room.vault, forged)
    with pytest.raises(VaultUnusable):
        context_of_state(Vault(None), state)


async def test_after_ten_minutes_it_is_too_late(room: Room, ann: TenantContext, owner_url: str) -> None:
    answer = await room.answered(ann)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("UPDATE oauth_authorizations SET expires_at = now() - interval '1 second'")
    with pytest.raises(NotFound):
        await room.finish(ann, answer)
    await room.answered(ann)
    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM oauth_authorizations").fetchone() == (1,)


@pytest.mark.parametrize("issuer", ["https://evil.example", "", "http://[", "https://127.0.0.1.evil.example"])
async def test_an_answer_of_another_issuer_is_refused_before_the_code_is_shown(
    room: Room, ann: TenantContext, issuer: str
) -> None:
    answer = await room.answered(ann)
    with pytest.raises(Invalid):
        await room.finish(ann, answer | {"iss": issuer})
    assert room.oauth.asked == []


async def test_an_answer_of_the_server_itself_may_say_so(room: Room, ann: TenantContext) -> None:
    await room.finish(ann, await room.answered(ann) | {"iss": room.oauth.url("")})
    assert await room.status(ann) == 200


async def test_a_token_that_ended_is_refreshed_once_and_the_refresh_token_rotates(
    room: Room, ann: TenantContext
) -> None:
    room.oauth.lifetime = 10
    await room.connect(ann)
    for _ in range(2):
        before = set(room.oauth.refresh_tokens)
        assert await room.status(ann) == 200
        assert room.oauth.asked[-1]["grant_type"] == "refresh_token"
        assert before.isdisjoint(room.oauth.refresh_tokens)
    room.oauth.lifetime = 3600
    assert await asyncio.gather(*(room.status(ann) for _ in range(10))) == [200] * 10
    assert len(room.oauth.asked) == 4


async def test_a_member_whose_grant_is_over_is_not_connected_until_they_connect_again(
    room: Room, ann: TenantContext
) -> None:
    room.oauth.lifetime = 10
    await room.connect(ann)
    room.oauth.refresh_tokens.clear()
    for _ in range(2):
        with pytest.raises(NotConnected):
            await room.status(ann)
    assert len(room.oauth.asked) == 2
    await room.connect(ann)
    assert await room.status(ann) == 200


async def test_a_token_server_that_fails_does_not_end_the_connection(room: Room, ann: TenantContext) -> None:
    room.oauth.lifetime = 10
    await room.connect(ann)
    room.oauth.broken = PlainTextResponse("down", 503)
    with pytest.raises(TokenRefused):
        await room.status(ann)
    room.oauth.broken = None
    assert await room.status(ann) == 200


async def test_who_disconnects_while_a_token_is_refreshed_stays_disconnected(room: Room, ann: TenantContext) -> None:
    room.oauth.lifetime = 10
    await room.connect(ann)
    room.oauth.held = asyncio.Event()
    call = asyncio.create_task(room.status(ann))
    await until(lambda: asyncio.sleep(0, len(room.oauth.asked) > 1))
    await connections.remove(room.database, room.vault, ann, OWNER, "calendar", user_id=ann.user_id)
    room.oauth.held.set()
    await call
    with pytest.raises(NotConnected):
        await room.status(ann)


async def test_members_see_and_end_their_own_connections(
    room: Room, ann: TenantContext, bob: TenantContext, globex: TenantContext
) -> None:
    await room.connect(ann)
    database, vault = room.database, room.vault
    assert [(one.owner, one.scheme) for one in await connections.of_user(database, vault, ann)] == [
        (OWNER, "calendar")
    ]
    assert await connections.of_user(database, vault, bob) == []
    for ctx in (bob, replace(ann, tenant_id=globex.tenant_id)):
        with pytest.raises(NotFound):
            await connections.remove(database, vault, ctx, OWNER, "calendar", user_id=ctx.user_id)
    await connections.remove(database, vault, ann, OWNER, "calendar", user_id=ann.user_id)
    assert await connections.of_user(database, vault, ann) == []
    with pytest.raises(NotConnected):
        await room.status(ann)


async def test_tokens_go_to_no_other_server_or_client_than_gave_them(
    room: Room, acme: TenantContext, ann: TenantContext
) -> None:
    await room.connect(ann)
    for changed in ({"token_url": "https://evil.example/token"}, {"scopes": ("read", "write")}):
        scheme, room.scheme = room.scheme, room.scheme.model_copy(update=changed)
        with pytest.raises(NotConnected):
            await room.status(ann)
        room.scheme = scheme
    room.oauth.clients["atrium"] = replace(room.oauth.client(), client_secret="rotated")
    await room.store_client(acme)
    assert await room.status(ann) == 200
    secret = {"client_id": "another", "client_secret": "b"}
    await connections.store(room.database, room.vault, acme, OWNER, room.scheme, secret)
    with pytest.raises(NotConnected):
        await room.status(ann)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://example.com/authorize", "https://10.0.0.1/", "/a"])
async def test_nobody_is_sent_to_what_is_no_public_page(room: Room, ann: TenantContext, url: str) -> None:
    scheme = room.scheme.model_copy(update={"authorization_url": url})
    with pytest.raises(UrlRefused):
        await room.authorizations.begin(ann, OWNER, scheme, redirect_uri=CALLBACK)


async def test_without_the_tenants_client_nobody_is_sent_anywhere(room: Room, globex: TenantContext) -> None:
    with pytest.raises(Conflict):
        await room.authorizations.begin(globex, OWNER, room.scheme, redirect_uri=CALLBACK)


async def test_no_canary_is_in_a_row_or_a_log(
    room: Room, ann: TenantContext, clone: EmbeddedServers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # What the peer and the browser of the test log is theirs.
    for name in ("authlib", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    room.oauth.lifetime = 10
    pending = await room.answered(ann)
    await room.connect(ann)
    assert await room.status(ann) == 200
    with psycopg.connect(clone.database_url("postgres")) as connection:
        tables = ("vault_keys", "vault_secrets", "oauth_authorizations", "oauth_renewals")
        rows = str([connection.execute(f"SELECT t::text FROM {table} t".encode()).fetchall() for table in tables])
    assert str(ann.user_id) in rows
    secrets = {pending["state"], pending["code"], room.oauth.client().client_secret}
    secrets |= room.oauth.access_tokens | room.oauth.refresh_tokens.keys()
    secrets |= {form["code_verifier"] for form in room.oauth.asked if "code_verifier" in form}
    for secret in secrets:
        assert secret not in rows + caplog.text
        assert secret.encode().hex() not in rows

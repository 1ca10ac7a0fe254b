"""OAuth 2 client credentials against a server of Authlib's."""

import asyncio
import logging
from dataclasses import replace
from uuid import uuid4

import httpx
import psycopg
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from tenants.vault import Vault
from tests.tools.oauth_server import OAuthPeer
from tests.until import until
from tools.credentials import access_tokens, connections
from tools.credentials.credentials import Credentials, NotConnected
from tools.credentials.schemes import ClientCredentials
from tools.credentials.token_endpoint import TokenRefused
from tools.egress.client import Egress, PeerFailed
from tools.egress.policy import UrlRefused
from tools.request import HttpRequest

OWNER = "source:weather"


def scheme_of(oauth: OAuthPeer) -> ClientCredentials:
    return ClientCredentials(id="oauth", token_url=oauth.url("/token"), scopes=("read", "write"))


async def store(
    database: Database, vault: Vault, ctx: TenantContext, oauth: OAuthPeer, **more: str
) -> ClientCredentials:
    scheme, client = scheme_of(oauth), oauth.client()
    secret = {"client_id": client.client_id, "client_secret": client.client_secret} | more
    await connections.store(database, vault, ctx, OWNER, scheme, secret)
    return scheme


def get(oauth: OAuthPeer) -> HttpRequest:
    return HttpRequest("GET", oauth.url("/api"))


async def status_of(request: HttpRequest) -> int:
    async with httpx.AsyncClient() as client:
        return (await client.request(request.method, request.url, headers=list(request.headers))).status_code


@pytest.mark.parametrize("method", ["basic", "post"])
async def test_the_api_takes_the_token_that_the_client_was_given(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer, method: str
) -> None:
    oauth.client(method=f"client_secret_{method}")
    scheme = await store(database, vault, acme, oauth, token_endpoint_auth=method)
    request = await Credentials(database, vault, egress).authorized(acme, OWNER, [scheme], get(oauth))
    assert await status_of(get(oauth)) == 401
    assert await status_of(request) == 200
    assert oauth.asked[0]["grant_type"] == "client_credentials"
    assert oauth.asked[0]["scope"] == "read write"
    assert request.secrets >= oauth.access_tokens


async def test_a_secret_with_any_characters_reaches_the_server_as_it_is(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer
) -> None:
    oauth.client(client_secret="a+b/c=d%20e:f g")
    scheme = await store(database, vault, acme, oauth)
    request = await Credentials(database, vault, egress).authorized(acme, OWNER, [scheme], get(oauth))
    assert await status_of(request) == 200


async def test_a_token_is_used_until_shortly_before_it_ends_also_by_another_process(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer
) -> None:
    scheme = await store(database, vault, acme, oauth)
    for _ in range(3):
        await Credentials(database, vault, egress).authorized(acme, OWNER, [scheme], get(oauth))
    assert len(oauth.asked) == 1
    oauth.lifetime = 20
    await connections.remove(database, vault, acme, OWNER, scheme.id, user_id=None)
    await store(database, vault, acme, oauth)
    for _ in range(2):
        await Credentials(database, vault, egress).authorized(acme, OWNER, [scheme], get(oauth))
    assert len(oauth.asked) == 3


async def test_many_callers_in_several_processes_ask_for_one_token(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer
) -> None:
    scheme = await store(database, vault, acme, oauth)
    processes = [Credentials(database, vault, egress) for _ in range(3)]
    oauth.held = asyncio.Event()

    async def call(process: Credentials) -> HttpRequest:
        return await process.authorized(acme, OWNER, [scheme], get(oauth))

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(call(process)) for process in processes for _ in range(20)]
        await until(lambda: asyncio.sleep(0, oauth.asked))
        # The transactions of all others are open to other work meanwhile.
        async with database.tenant_transaction(acme) as connection:
            await connection.execute("SELECT 1")
        oauth.held.set()
    assert len(oauth.asked) == 1
    assert len({call.result().headers for call in calls}) == 1


async def test_a_caller_who_gives_up_does_not_take_the_token_from_the_others(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer
) -> None:
    scheme = await store(database, vault, acme, oauth)
    credentials = Credentials(database, vault, egress)
    oauth.held = asyncio.Event()
    first = asyncio.create_task(credentials.authorized(acme, OWNER, [scheme], get(oauth)))
    await until(lambda: asyncio.sleep(0, oauth.asked))
    second = asyncio.create_task(credentials.authorized(acme, OWNER, [scheme], get(oauth)))
    first.cancel()
    oauth.held.set()
    assert await status_of(await second) == 200
    assert len(oauth.asked) == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_process_that_died_while_it_asked_holds_nobody_up_for_longer_than_its_lease(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    scheme = await store(database, vault, acme, oauth)
    monkeypatch.setattr(access_tokens, "LEASE_SECONDS", 0.3)
    dead = access_tokens.AccessTokens(database, vault, egress)
    _, lease = await dead._leased(acme, OWNER, scheme)
    assert lease
    request = await Credentials(database, vault, egress).authorized(acme, OWNER, [scheme], get(oauth))
    assert await status_of(request) == 200


async def test_a_new_client_secret_or_other_scopes_ask_for_a_new_token(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer
) -> None:
    scheme = await store(database, vault, acme, oauth)
    credentials = Credentials(database, vault, egress)
    await credentials.authorized(acme, OWNER, [scheme], get(oauth))
    oauth.clients["atrium"] = replace(oauth.client(), client_secret="rotated")
    await store(database, vault, acme, oauth)
    await credentials.authorized(acme, OWNER, [scheme], get(oauth))
    assert len(oauth.asked) == 2
    await credentials.authorized(acme, OWNER, [scheme.model_copy(update={"scopes": ("read",)})], get(oauth))
    assert oauth.asked[2]["scope"] == "read"
    assert len(oauth.access_tokens) == 3


async def test_tenants_owners_and_members_never_share_a_token(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, globex: TenantContext, oauth: OAuthPeer
) -> None:
    credentials = Credentials(database, vault, egress)
    scheme, client = scheme_of(oauth), oauth.client()
    secret = {"client_id": client.client_id, "client_secret": client.client_secret}
    own = scheme.model_copy(update={"per_user": True})
    callers = [
        (acme, OWNER, scheme), (globex, OWNER, scheme), (acme, "tool:other", scheme), (acme, OWNER, own),
        (replace(acme, user_id=uuid4()), OWNER, own),
    ]  # fmt: skip
    headers = set()
    for ctx, owner, used in callers:
        await connections.store(database, vault, ctx, owner, used, secret)
        headers.add((await credentials.authorized(ctx, owner, [used], get(oauth))).headers)
    assert len(headers) == len(callers)


async def test_without_its_client_a_kept_token_is_not_used(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer
) -> None:
    scheme = await store(database, vault, acme, oauth)
    credentials = Credentials(database, vault, egress)
    await credentials.authorized(acme, OWNER, [scheme], get(oauth))
    async with database.tenant_transaction(acme) as connection:
        await vault.delete(connection, acme, OWNER, scheme.id, user_id=None)
    with pytest.raises(NotConnected):
        await credentials.authorized(acme, OWNER, [scheme], get(oauth))


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"error": "invalid_client", "error_description": "canary-said"}, 401),
        JSONResponse({"error": "canary-said"}, 200),
        JSONResponse({"access_token": "a\r\nHost: canary-said", "token_type": "Bearer"}),
        JSONResponse({"access_token": "x" * 9000, "token_type": "Bearer"}),
        JSONResponse({"access_token": "canary-said", "token_type": "mac"}),
        JSONResponse({"access_token": {"a": "canary-said"}}),
        JSONResponse(["canary-said"]),
        PlainTextResponse("canary-said"),
        PlainTextResponse("canary-said", 500),
        Response(b'{"a":' * 5000),
        Response(status_code=302, headers={"location": "http://127.0.0.1:1/canary-said"}),
    ],
    ids=lambda answer: f"{answer.status_code} {bytes(answer.body)[:30]!r}",
)
async def test_what_a_token_server_says_wrong_is_not_quoted_and_is_asked_again(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer, answer: Response
) -> None:
    scheme = await store(database, vault, acme, oauth)
    credentials = Credentials(database, vault, egress)
    oauth.broken = answer
    with pytest.raises(TokenRefused) as refused:
        await credentials.authorized(acme, OWNER, [scheme], get(oauth))
    assert "canary" not in repr(refused.value)
    oauth.broken = None
    assert await status_of(await credentials.authorized(acme, OWNER, [scheme], get(oauth))) == 200


async def test_an_endless_answer_is_cut_off(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer
) -> None:
    scheme = await store(database, vault, acme, oauth)
    oauth.broken = PlainTextResponse("x" * 70_000)
    with pytest.raises(PeerFailed):
        await Credentials(database, vault, egress).authorized(acme, OWNER, [scheme], get(oauth))


async def test_a_token_url_inside_our_network_is_refused(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer
) -> None:
    await store(database, vault, acme, oauth)
    inside = scheme_of(oauth).model_copy(update={"token_url": "https://169.254.169.254/token"})
    with pytest.raises(UrlRefused):
        await Credentials(database, vault, egress).authorized(acme, OWNER, [inside], get(oauth))


@pytest.mark.parametrize("lifetime", ["3600", 3600.5, 1e400, "soon", None, -5, True, [], "nan"])
async def test_a_lifetime_may_be_written_in_any_way(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer, lifetime: object
) -> None:
    scheme = await store(database, vault, acme, oauth)
    said = "1e400" if lifetime == 1e400 else lifetime
    oauth.broken = JSONResponse({"access_token": "given", "expires_in": said})
    request = await Credentials(database, vault, egress).authorized(acme, OWNER, [scheme], get(oauth))
    assert ("Authorization", "Bearer given") in request.headers


async def test_no_canary_is_in_a_row_a_log_or_a_repr(
    database: Database, vault: Vault, egress: Egress, acme: TenantContext, oauth: OAuthPeer,
    clone: EmbeddedServers, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    # The peer's own log is not ours.
    logging.getLogger("authlib").setLevel(logging.CRITICAL)
    scheme = await store(database, vault, acme, oauth)
    credentials = Credentials(database, vault, egress)
    request = await credentials.authorized(acme, OWNER, [scheme], get(oauth))
    assert any("canary-access" in value for _, value in request.headers)
    with psycopg.connect(clone.database_url("postgres")) as connection:
        tables = connection.execute(
            "SELECT format('SELECT t::text FROM %I t', relname) FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        ).fetchall()
        rows = str([connection.execute(query.encode()).fetchall() for (query,) in tables])
    assert str(acme.tenant_id) in rows
    canaries = [oauth.client().client_secret, *oauth.access_tokens]
    shown = rows + caplog.text + repr(credentials) + repr(vars(credentials)) + repr(vault)
    for canary in canaries:
        assert canary not in shown
        assert canary.encode().hex() not in shown

"""Credentials go in and never out: those that members share, and everyone's own."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.launch import House
from core.tenancy import Role
from tests.api.callers import behind_the_api, colleague, context_of
from tests.api.peers import beside
from tests.api.person import Person
from tests.api.problems import code_of
from tests.api.registered import SECURITY, tool
from tests.api.shop import Shop, open_shop
from tests.tools.oauth_server import CALLBACK, OAuthPeer, oauth_server

CANARY = "canary-1f7c2"
KEY = [SECURITY[0]]
MINE = [SECURITY[1]]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_shop() as running:
        yield running


@pytest.fixture
def oauth() -> Iterator[OAuthPeer]:
    with beside(oauth_server()) as running:
        running.client()
        yield running


def code_scheme(oauth: OAuthPeer, *, per_user: bool) -> list[dict[str, Any]]:
    return [
        {
            "type": "oauth2_authorization_code",
            "id": "account",
            "per_user": per_user,
            "authorization_url": oauth.url("/authorize"),
            "token_url": oauth.url("/token"),
        }
    ]


def hello(person: Person, oauth: OAuthPeer, security: list[dict[str, Any]], name: str = "hello") -> None:
    invocation = {"method": "GET", "url": oauth.url("/api"), "security": security}
    tool(person, name, invocation=invocation, parameters={"type": "object"}, side_effect="read")


def tried(http: httpx.Client, name: str, **arguments: Any) -> httpx.Response:
    return http.post(f"/v1/tools/{name}/test", json={"arguments": arguments, "call": True})


def returned(begun: httpx.Response) -> dict[str, str]:
    """What the browser comes back with, after its owner has consented."""
    assert begun.status_code == 200, begun.text
    sent_back = httpx.get(begun.json()["url"], follow_redirects=False)
    query = parse_qs(urlsplit(sent_back.headers["Location"]).query)
    return {"state": query["state"][0], "code": query["code"][0], "redirect_uri": CALLBACK}


def everything_readable(http: httpx.Client, name: str) -> str:
    paths = ("", "/versions", "/policy", "/grants", "/calls", "/credentials", "/connection")
    answers = [http.get(f"/v1/tools/{name}{path}").raise_for_status().text for path in paths]
    return "\n".join([*answers, http.get("/v1/connections").raise_for_status().text])


def test_a_shared_credential_is_stored_used_rotated_and_never_shown(ann: Person, shop: Shop) -> None:
    tool(ann, "order", url=f"{shop.url}/orders", security=KEY)
    [wanted] = ann.http.get("/v1/tools/order/credentials").json()
    assert (wanted["scheme"], wanted["fields"], wanted["version"]) == ("key", ["api_key"], None)
    missing = tried(ann.http, "order", item="lamp")
    assert (missing.status_code, code_of(missing)) == (409, "not_connected")
    answers = []
    for version, secret in enumerate((CANARY, f"{CANARY}-2"), 1):
        stored = ann.http.put("/v1/tools/order/credentials/key", json={"api_key": secret})
        assert (stored.status_code, stored.json()) == (200, {"scheme": "key", "version": version})
        called = tried(ann.http, "order", item="lamp")
        assert called.json()["result"]["outcome"] == "succeeded"
        assert shop.keys[-1] == secret
        answers += [stored.text, called.text]
    [listed] = ann.http.get("/v1/tools/order/credentials").json()
    assert (listed["version"], listed["updated_by"]) == (2, ann.tokens["me"]["user_id"])
    assert CANARY not in "\n".join([*answers, everything_readable(ann.http, "order")])
    assert ann.http.delete("/v1/tools/order/credentials/key").status_code == 204
    assert ann.http.delete("/v1/tools/order/credentials/key").status_code == 404
    assert tried(ann.http, "order", item="lamp").status_code == 409


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"api_key": ""},
        {"api_key": 7},
        {"api_key": CANARY, "token": CANARY},
        {"api_key": f"{CANARY}\r\nX-Admin: 1"},
        {"api_key": f"{CANARY}\x00"},
        {"api_key": CANARY * 1000},
        {"api_key": {"nested": CANARY}},
    ],
    ids=lambda secret: repr(secret)[:40],
)
def test_a_secret_that_does_not_fit_is_refused_and_not_quoted(ann: Person, secret: dict[str, Any]) -> None:
    tool(ann, "order")
    refused = ann.http.put("/v1/tools/order/credentials/key", json=secret)
    assert refused.status_code == 422
    assert CANARY not in refused.text
    assert ann.http.get("/v1/tools/order/credentials").json()[0]["version"] is None


def test_a_scheme_that_the_tool_does_not_have_is_not_found(ann: Person) -> None:
    tool(ann, "order")
    for path in ("credentials/other", "connection/other"):
        assert ann.http.put(f"/v1/tools/order/{path}", json={"api_key": "a"}).status_code == 404


def test_another_tenants_tool_takes_no_credential(ann: Person, eve: Person, shop: Shop) -> None:
    for person, secret in ((ann, "hers"), (eve, "his")):
        tool(person, "order", url=f"{shop.url}/orders", security=KEY)
        person.http.put("/v1/tools/order/credentials/key", json={"api_key": secret}).raise_for_status()
    tried(ann.http, "order", item="lamp")
    assert shop.keys[-1] == "hers"
    tool(ann, "desk", security=KEY)
    assert eve.http.put("/v1/tools/desk/credentials/key", json={"api_key": "a"}).status_code == 404


def test_only_admins_store_what_all_members_share(house: House, ann: Person) -> None:
    tool(ann, "order")
    with colleague(house, ann) as member:
        assert member.put("/v1/tools/order/credentials/key", json={"api_key": "a"}).status_code == 403
        own = member.put("/v1/tools/order/connection/key", json={"api_key": "a"})
        assert (own.status_code, code_of(own)) == (422, "shared")
        assert member.delete("/v1/tools/order/connection/key").status_code == 404
    for_all = ann.http.put("/v1/tools/order/credentials/mine", json={"token": "a"})
    assert (for_all.status_code, code_of(for_all)) == (422, "per_user")


def test_everyone_connects_their_own(house: House, ann: Person, shop: Shop) -> None:
    tool(ann, "order", url=f"{shop.url}/orders", security=MINE)
    with colleague(house, ann, Role.ADMIN) as bob:
        for http, secret in ((ann.http, f"{CANARY}-ann"), (bob, f"{CANARY}-bob")):
            assert http.get("/v1/tools/order/connection").json()[0]["is_connected"] is False
            http.put("/v1/tools/order/connection/mine", json={"token": secret}).raise_for_status()
            [account] = http.get("/v1/tools/order/connection").json()
            assert (account["scheme"], account["fields"], account["is_connected"]) == ("mine", ["token"], True)
        for http, name in ((ann.http, "ann"), (bob, "bob")):
            tried(http, "order", item="lamp").raise_for_status()
            assert shop.keys[-1] == f"Bearer {CANARY}-{name}"
            [own] = http.get("/v1/connections").json()
            assert (own["owner"], own["scheme"]) == ("tool:order", "mine")
            assert CANARY not in everything_readable(http, "order")
        assert ann.http.get("/v1/tools/order/credentials").json()[0]["version"] is None
        assert ann.http.delete("/v1/tools/order/connection/mine").status_code == 204
        assert ann.http.get("/v1/connections").json() == []
        assert tried(bob, "order", item="lamp").json()["result"]["outcome"] == "succeeded"


def test_secrets_of_a_deleted_tool_are_gone(house: House, ann: Person) -> None:
    tool(ann, "order")
    ann.http.put("/v1/tools/order/credentials/key", json={"api_key": CANARY}).raise_for_status()
    ann.http.put("/v1/tools/order/connection/mine", json={"token": CANARY}).raise_for_status()
    ann.http.delete("/v1/tools/order")
    with behind_the_api(house) as connection:
        rows = connection.execute(
            "SELECT count(*) FROM vault_secrets WHERE tenant_id = %s", (context_of(ann).tenant_id,)
        ).fetchone()
    assert rows == (0,)
    tool(ann, "order")
    assert ann.http.get("/v1/tools/order/credentials").json()[0]["version"] is None
    assert ann.http.get("/v1/tools/order/connection").json()[0]["is_connected"] is False


def test_an_account_is_connected_by_oauth_once(house: House, ann: Person, oauth: OAuthPeer) -> None:
    hello(ann, oauth, code_scheme(oauth, per_user=True))
    path = "/v1/tools/hello/connection/account/authorize"
    too_early = ann.http.post(path, json={"redirect_uri": CALLBACK})
    assert (too_early.status_code, code_of(too_early)) == (409, "conflict")
    client = oauth.client()
    secret = {"client_id": client.client_id, "client_secret": client.client_secret}
    ann.http.put("/v1/tools/hello/credentials/account", json=secret).raise_for_status()
    instead = ann.http.put("/v1/tools/hello/connection/account", json={"token": "a"})
    assert (instead.status_code, code_of(instead)) == (422, "authorize_instead")

    with colleague(house, ann, Role.VIEWER) as viewer, colleague(house, ann, Role.ADMIN) as bob:
        [account] = viewer.get("/v1/tools/hello/connection").json()
        assert (account["fields"], account["is_connected"]) == ([], False)
        came_back = returned(viewer.post(path, json={"redirect_uri": CALLBACK}))
        # Nobody is made to connect somebody else's account, and the attempt does not spend the state.
        for other in (bob, ann.http):
            assert other.post("/v1/connections/finish", json=came_back).status_code == 404
        finished = viewer.post("/v1/connections/finish", json=came_back)
        assert finished.status_code == 200, finished.text
        assert (finished.json()["owner"], finished.json()["scheme"]) == ("tool:hello", "account")
        assert viewer.post("/v1/connections/finish", json=came_back).status_code == 404
        assert viewer.get("/v1/tools/hello/connection").json()[0]["is_connected"] is True
        assert len(viewer.get("/v1/connections").json()) == 1
        # It is the viewer's own.
        assert tried(bob, "hello").status_code == 409
        read = [viewer.get(each).text for each in ("/v1/connections", "/v1/tools/hello/connection")]
        assert "canary" not in "\n".join([*read, everything_readable(ann.http, "hello")])


def test_another_tenants_member_cannot_finish_what_somebody_began(ann: Person, eve: Person, oauth: OAuthPeer) -> None:
    client = oauth.client()
    for person in (ann, eve):
        hello(person, oauth, code_scheme(oauth, per_user=True))
        secret = {"client_id": client.client_id, "client_secret": client.client_secret}
        person.http.put("/v1/tools/hello/credentials/account", json=secret).raise_for_status()
    path = "/v1/tools/hello/connection/account/authorize"
    came_back = returned(ann.http.post(path, json={"redirect_uri": CALLBACK}))
    assert eve.http.post("/v1/connections/finish", json=came_back).status_code == 404
    assert ann.http.post("/v1/connections/finish", json=came_back).status_code == 200
    assert tried(ann.http, "hello").json()["result"]["outcome"] == "succeeded"
    assert tried(eve.http, "hello").status_code == 409


def test_an_account_that_all_share_is_connected_by_an_admin(house: House, ann: Person, oauth: OAuthPeer) -> None:
    hello(ann, oauth, code_scheme(oauth, per_user=False))
    client = oauth.client()
    secret = {"client_id": client.client_id, "client_secret": client.client_secret}
    ann.http.put("/v1/tools/hello/credentials/account", json=secret).raise_for_status()
    path = "/v1/tools/hello/credentials/account/authorize"
    with colleague(house, ann) as member, colleague(house, ann, Role.ADMIN) as bob:
        assert member.post(path, json={"redirect_uri": CALLBACK}).status_code == 403
        own = member.post("/v1/tools/hello/connection/account/authorize", json={"redirect_uri": CALLBACK})
        assert (own.status_code, code_of(own)) == (422, "shared")
        assert ann.http.get("/v1/tools/hello/credentials").json()[0]["connected_at"] is None
        came_back = returned(ann.http.post(path, json={"redirect_uri": CALLBACK}))
        ann.http.post("/v1/connections/finish", json=came_back).raise_for_status()
        [listed] = ann.http.get("/v1/tools/hello/credentials").json()
        assert listed["connected_at"] is not None
        assert tried(bob, "hello").json()["result"]["outcome"] == "succeeded"
        assert ann.http.delete("/v1/tools/hello/credentials/account").status_code == 204
        assert tried(bob, "hello").status_code == 409


def test_client_credentials_are_exchanged_for_a_token(ann: Person, oauth: OAuthPeer) -> None:
    security = [{"type": "oauth2_client_credentials", "id": "client", "token_url": oauth.url("/token")}]
    hello(ann, oauth, security)
    client = oauth.client()
    secret = {"client_id": client.client_id, "client_secret": client.client_secret}
    ann.http.put("/v1/tools/hello/credentials/client", json=secret).raise_for_status()
    called = tried(ann.http, "hello")
    assert called.json()["result"]["text"] == '{"said":"hello"}'
    assert "canary" not in called.text + everything_readable(ann.http, "hello")


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "",
        "/connected",
        "http://evil.example/",
        "javascript:alert(1)",
        "https://a b",
        "https://a/#x",
        "https://" + "a" * 2048,
    ],
)
def test_a_browser_is_sent_back_only_where_a_page_can_be(ann: Person, oauth: OAuthPeer, redirect_uri: str) -> None:
    hello(ann, oauth, code_scheme(oauth, per_user=True))
    begun = ann.http.post("/v1/tools/hello/connection/account/authorize", json={"redirect_uri": redirect_uri})
    assert (begun.status_code, code_of(begun)) == (422, "invalid_request")

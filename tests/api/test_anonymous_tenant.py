"""`ATRIUM_ANONYMOUS_TENANT`: a second API process that asks nobody for a login, on this machine only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from api.launch import ROOT, House, free_port
from tests.api.callers import colleague, nobody
from tests.api.person import Person

STUDIO = "https://smith.langchain.com"


def open_house(house: House, slug: str, log_dir: Path) -> House:
    port = free_port()
    environment = house.environment | {"ATRIUM_PORT": str(port), "ATRIUM_ANONYMOUS_TENANT": slug}
    opened = House(f"http://127.0.0.1:{port}", house.servers, log_dir, environment)
    opened.start("api")
    opened.wait_until_ready()
    return opened


@pytest.fixture(scope="module")
def owner(house: House) -> Iterator[Person]:
    with closing(Person(house.url)) as person:
        yield person


@pytest.fixture(scope="module")
def anonymous_house(house: House, owner: Person, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    opened = open_house(house, owner.tokens["me"]["tenant_slug"], tmp_path_factory.mktemp("anonymous"))
    try:
        yield opened
    finally:
        opened.stop()


@pytest.fixture
def client(anonymous_house: House) -> Iterator[httpx.Client]:
    with nobody(anonymous_house) as client:
        yield client


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_who_sends_no_credentials_is_the_tenants_owner(client: httpx.Client, owner: Person) -> None:
    me = client.get("/auth/me").json()
    assert (me["user_id"], me["tenant_id"], me["role"]) == (
        owner.tokens["me"]["user_id"],
        owner.tokens["me"]["tenant_id"],
        "owner",
    )
    thread_id = client.post("/threads", json={}).json()["thread_id"]
    assert owner.http.get(f"/threads/{thread_id}").status_code == 200


def test_credentials_are_proven_as_ever(client: httpx.Client, house: House, owner: Person, eve: Person) -> None:
    token = eve.tokens["access_token"]
    theirs = client.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert theirs["tenant_id"] == eve.tokens["me"]["tenant_id"]
    with colleague(house, owner) as member:
        bearer = member.headers["Authorization"]
    assert client.get("/auth/me", headers={"Authorization": bearer}).json()["role"] == "member"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic QTpC"},
        {"Authorization": ""},
        {"x-api-key": "atr_nonsense"},
        {"x-api-key": ""},
    ],
    ids=str,
)
def test_wrong_credentials_are_not_the_same_as_none(client: httpx.Client, headers: dict[str, str]) -> None:
    assert client.get("/auth/me", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.7", ""]
)
def test_a_name_that_is_not_this_machines_is_refused(client: httpx.Client, host: str) -> None:
    assert code_of(client.get("/auth/me", headers={"Host": host})) == (401, "anonymous_refused")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "127.1.2.3", "[::1]:8000"])
def test_this_machines_names_are_let_in(client: httpx.Client, host: str) -> None:
    assert client.get("/auth/me", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost.evil.example", f"{STUDIO}.evil.example", "null"]
)
def test_another_page_cannot_act_even_without_a_preflight(client: httpx.Client, owner: Person, origin: str) -> None:
    before = len(owner.http.post("/threads/search", json={"limit": 100}).json())
    simple = {"Origin": origin, "Content-Type": "text/plain"}
    assert code_of(client.post("/threads", content="{}", headers=simple)) == (401, "anonymous_refused")
    assert len(owner.http.post("/threads/search", json={"limit": 100}).json()) == before


@pytest.mark.parametrize("origin", [STUDIO, "http://localhost:3000", "http://127.0.0.1:5173"])
def test_pages_of_this_machine_and_studio_may_act(client: httpx.Client, origin: str) -> None:
    answer = client.post("/threads", content="{}", headers={"Origin": origin, "Content-Type": "text/plain"})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin


def test_nothing_is_given_away_that_opens_the_door_later(client: httpx.Client, owner: Person) -> None:
    for method, path in (
        ("POST", "/v1/api-keys"),
        ("GET", "/v1/api-keys"),
        ("DELETE", "/v1/api-keys/01970000-0000-7000-8000-000000000000"),
        ("GET", "/v1/webhook-secret"),
        ("POST", "/v1/webhook-secret"),
    ):
        assert code_of(client.request(method, path, json={"name": "key"})) == (401, "login_required"), path
    bearer = {"Authorization": owner.http.headers["Authorization"]}
    assert client.get("/v1/api-keys", headers=bearer).status_code == 200


def test_an_unknown_tenant_lets_nobody_in_until_there_is_one(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    opened = open_house(house, "nobody-has-this-slug", tmp_path_factory.mktemp("unknown"))
    try:
        with nobody(opened) as client:
            answer = client.get("/auth/me")
            assert code_of(answer) == (401, "anonymous_tenant_unknown")
            assert "ATRIUM_ANONYMOUS_TENANT" in answer.json()["detail"]
    finally:
        opened.stop()


def test_a_server_that_others_reach_does_not_start(house: House) -> None:
    environment = os.environ | house.environment
    environment |= {"ATRIUM_ANONYMOUS_TENANT": "acme", "ATRIUM_HOST": "0.0.0.0", "ATRIUM_PORT": str(free_port())}
    started = subprocess.run(
        [sys.executable, "-m", "api"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert started.returncode == 2
    assert "ATRIUM_HOST" in started.stderr

import json
from contextlib import closing

import httpx
import pytest

from api.launch import House
from tests.api.callers import access_tokens, behind_the_api, colleague, context_of, nobody
from tests.api.person import Person


def log_in(person: Person, **changed: str) -> httpx.Response:
    return person.http.post("/auth/login", json={"email": person.email, "password": person.password, **changed})


def refresh(person: Person, refresh_token: str) -> httpx.Response:
    return person.http.post("/auth/refresh", json={"refresh_token": refresh_token})


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_who_registers_owns_the_new_tenant_and_is_logged_in(ann: Person) -> None:
    me = ann.http.get("/auth/me").json()
    assert me == ann.tokens["me"]
    assert (me["email"], me["role"], me["tenant_name"]) == (ann.email, "owner", "Acme")
    assert "knowledge_bases:write" in me["permissions"]


def test_an_email_address_registers_once(ann: Person) -> None:
    again = {"tenant_name": "Other", "email": ann.email.upper(), "password": "long enough it is", "name": "Ann"}
    assert code(ann.http.post("/auth/register", json=again)) == (409, "email_taken")


def test_login_gives_a_token_that_opens(ann: Person, house: House) -> None:
    token = log_in(ann).json()["access_token"]
    with nobody(house) as client:
        me = client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["email"] == ann.email


@pytest.mark.parametrize(
    "changed", [{"password": "wrong password"}, {"email": "nobody@example.com"}, {"tenant": "no-such-tenant"}]
)
def test_login_does_not_say_which_part_is_wrong(ann: Person, changed: dict[str, str]) -> None:
    refused = log_in(ann, **changed)
    assert code(refused) == (401, "login_failed")
    assert refused.json()["detail"] == log_in(ann, password="wrong password").json()["detail"]


@pytest.mark.parametrize("password", ["short", "p" * 1025, "eleven chars\ud800", ["not", "text"]])
def test_a_refused_password_is_never_echoed(house: House, password: object) -> None:
    body = {"tenant_name": "Acme", "email": "new@example.com", "password": password, "name": "Ann"}
    with nobody(house) as client:
        for path in ("/auth/register", "/auth/login"):
            answer = client.post(path, content=json.dumps(body))
            assert answer.status_code in (401, 422)
            assert not any(secret in answer.text for secret in ("short", "pppp", "eleven chars", "not"))


def test_each_refresh_token_works_once(ann: Person) -> None:
    first = ann.tokens["refresh_token"]
    second = refresh(ann, first).json()["refresh_token"]
    third = refresh(ann, second).json()
    ann.http.headers["Authorization"] = f"Bearer {third['access_token']}"
    assert ann.http.get("/auth/me").status_code == 200


def test_a_refresh_token_used_twice_revokes_its_whole_family(ann: Person) -> None:
    other_login = log_in(ann).json()["refresh_token"]
    stolen = ann.tokens["refresh_token"]
    newest = refresh(ann, stolen).json()["refresh_token"]
    assert code(refresh(ann, stolen)) == (401, "token_reused")
    assert code(refresh(ann, newest)) == (401, "token_invalid")
    assert refresh(ann, other_login).status_code == 200


def test_after_logout_the_refresh_token_is_dead(ann: Person) -> None:
    token = ann.tokens["refresh_token"]
    assert ann.http.post("/auth/logout", json={"refresh_token": token}).status_code == 204
    assert code(refresh(ann, token)) == (401, "token_invalid")
    assert ann.http.post("/auth/logout", json={"refresh_token": "unknown"}).status_code == 204


@pytest.mark.parametrize("token", ["", "unknown", "x" * 8192, "\x00", "ünknöwn"])
def test_an_invalid_refresh_token_gets_401(ann: Person, token: str) -> None:
    assert code(refresh(ann, token)) == (401, "token_invalid")


def test_who_left_the_tenant_is_told_so(ann: Person, house: House) -> None:
    with closing(colleague(house, ann)) as bob:
        user_id = bob.get("/auth/me").json()["user_id"]
        with behind_the_api(house) as connection:
            connection.execute("DELETE FROM memberships WHERE user_id = %s", (user_id,))
        assert code(bob.get("/auth/me")) == (401, "not_a_member")


def test_the_published_keys_verify_and_cannot_sign(ann: Person, house: House) -> None:
    keys = ann.http.get("/.well-known/jwks.json").json()["keys"]
    assert keys
    for key in keys:
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
        assert {"kid", "alg", "kty", "use"} <= key.keys()
    assert access_tokens(house).verify(ann.tokens["access_token"]) == context_of(ann)

from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from api.launch import House
from core.tenancy import Role
from tests.api.callers import behind_the_api, colleague, nobody, program
from tests.api.person import Person


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_key_acts_as_who_made_it(ann: Person, house: House) -> None:
    with closing(program(house, ann)) as robot:
        assert robot.get("/auth/me").json() == ann.http.get("/auth/me").json()


def test_a_secret_is_shown_once(ann: Person) -> None:
    created = ann.http.post("/v1/api-keys", json={"name": "robot"}).json()
    listed = ann.http.get("/v1/api-keys")
    secret = created.pop("secret")
    assert listed.json()["items"] == [created]
    assert secret.startswith(created["prefix"])
    assert secret not in listed.text


def test_a_key_may_do_less_than_its_maker_and_never_more(ann: Person, house: House) -> None:
    with closing(program(house, ann, role="viewer")) as reader:
        assert reader.get("/auth/me").json()["role"] == "viewer"
    with closing(colleague(house, ann, Role.ADMIN)) as admin:
        refused = admin.post("/v1/api-keys", json={"name": "robot", "role": "owner"})
        assert refusal(refused) == (403, "forbidden")


def test_a_key_is_demoted_with_its_maker(ann: Person, house: House) -> None:
    with closing(program(house, ann, role="admin")) as robot, behind_the_api(house) as connection:
        connection.execute(
            "UPDATE memberships SET role = 'viewer' WHERE user_id = %s", (ann.tokens["me"]["user_id"],)
        )
        assert robot.get("/auth/me").json()["role"] == "viewer"
        assert robot.post("/v1/knowledge-bases", json={"name": "Mine"}).status_code == 403


def test_an_expired_key_gets_401(ann: Person, house: House) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    with closing(program(house, ann, expires_at=tomorrow)) as robot, behind_the_api(house) as connection:
        assert robot.get("/auth/me").status_code == 200
        connection.execute(
            "UPDATE api_keys SET expires_at = now() WHERE tenant_id = %s", (ann.tokens["me"]["tenant_id"],)
        )
        assert refusal(robot.get("/auth/me")) == (401, "api_key_expired")


def test_a_deleted_key_gets_401(ann: Person, house: House) -> None:
    with closing(program(house, ann)) as robot:
        key_id = robot.get("/v1/api-keys").json()["items"][0]["api_key_id"]
        assert robot.delete(f"/v1/api-keys/{key_id}").status_code == 204
        assert refusal(robot.get("/auth/me")) == (401, "api_key_invalid")
    assert ann.http.delete(f"/v1/api-keys/{key_id}").status_code == 404


@pytest.mark.parametrize("secret", ["", "unknown", f"atr_{'x' * 43}", "x" * 8192, "\xff" * 47])
def test_an_invalid_key_gets_401(house: House, secret: str) -> None:
    with nobody(house) as client:
        answer = client.get("/auth/me", headers={b"x-api-key": secret.encode("latin-1")})
    assert refusal(answer) in [(401, "api_key_invalid"), (401, "unauthenticated")]


def test_an_invalid_key_is_not_made_good_by_a_valid_token(ann: Person) -> None:
    answer = ann.http.get("/auth/me", headers={"x-api-key": "unknown"})
    assert refusal(answer) == (401, "api_key_invalid")


@pytest.mark.parametrize(
    "expires_at",
    ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00", "9999-12-31T23:59:59-23:00", "soon", 1e30, -1e30],
)
def test_a_key_expires_in_the_future_with_a_time_zone(ann: Person, expires_at: object) -> None:
    answer = ann.http.post("/v1/api-keys", json={"name": "robot", "expires_at": expires_at})
    assert refusal(answer) == (422, "invalid_request")

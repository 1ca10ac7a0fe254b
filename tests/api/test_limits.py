"""A second API process on the same stores, with a closed door and small limits."""

from collections.abc import Iterator

import httpx
import pytest

from api.launch import House, free_port
from tests.api.callers import nobody
from tests.api.person import Person
from tests.api.problems import assert_problem

REQUESTS_PER_MINUTE = 6
LOGINS_PER_MINUTE = 3


@pytest.fixture(scope="module")
def strict_house(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    port = free_port()
    environment = house.environment | {
        "ATRIUM_PORT": str(port),
        "ATRIUM_REGISTRATION_OPEN": "false",
        "ATRIUM_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
        "ATRIUM_LOGINS_PER_MINUTE": str(LOGINS_PER_MINUTE),
    }
    strict = House(f"http://127.0.0.1:{port}", house.servers, tmp_path_factory.mktemp("logs"), environment)
    strict.start("api")
    try:
        strict.wait_until_ready()
        yield strict
    finally:
        strict.stop()


@pytest.fixture
def client(strict_house: House) -> Iterator[httpx.Client]:
    with nobody(strict_house) as client:
        yield client


def test_registration_can_be_closed(client: httpx.Client) -> None:
    body = {"tenant_name": "Acme", "email": "new@example.com", "password": "long enough it is", "name": "Ann"}
    refused = client.post("/auth/register", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "registration_closed")


def test_too_many_requests_of_a_tenant_get_429_and_its_neighbours_none(
    client: httpx.Client, ann: Person, eve: Person
) -> None:
    mine, theirs = ({"Authorization": person.http.headers["Authorization"]} for person in (ann, eve))
    answers = [client.get("/v1/threads", headers=mine) for _ in range(REQUESTS_PER_MINUTE + 1)]
    assert [answer.status_code for answer in answers] == [200] * REQUESTS_PER_MINUTE + [429]
    assert_too_many(answers[-1])
    assert client.get("/v1/threads", headers=theirs).status_code == 200


def test_too_many_guesses_of_a_password_get_429(client: httpx.Client, ann: Person) -> None:
    guess = {"email": ann.email, "password": "wrong password"}
    answers = [client.post("/auth/login", json=guess) for _ in range(LOGINS_PER_MINUTE + 1)]
    assert [answer.status_code for answer in answers] == [401] * LOGINS_PER_MINUTE + [429]
    assert_too_many(answers[-1])
    right_but_late = client.post("/auth/login", json=guess | {"password": ann.password, "email": ann.email.upper()})
    assert right_but_late.status_code == 429


def assert_too_many(answer: httpx.Response) -> None:
    assert_problem(answer)
    assert answer.json()["code"] == "too_many_requests"
    assert 0 < int(answer.headers["Retry-After"]) <= 60

from contextlib import closing

import pytest

from api.launch import House
from core.tenancy import Role
from tests.api.callers import colleague, nobody
from tests.api.person import Person
from tests.api.problems import assert_problem

PATH = "/v1/webhook-secret"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_anonymous_gets_401(house: House, method: str) -> None:
    with closing(nobody(house)) as http:
        assert http.request(method, PATH).status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_member_who_is_no_admin_gets_403(house: House, ann: Person, method: str) -> None:
    with closing(colleague(house, ann, Role.MEMBER)) as http:
        refused = http.request(method, PATH)
        assert_problem(refused)
        assert refused.status_code == 403


def test_an_admin_reads_the_tenants_own_secret_and_replaces_it(house: House, ann: Person, eve: Person) -> None:
    first = ann.http.get(PATH).json()["secret"]
    assert first != eve.http.get(PATH).json()["secret"]
    replaced = ann.http.post(PATH).json()["secret"]
    assert replaced != first
    with closing(colleague(house, ann, Role.ADMIN)) as http:
        assert http.get(PATH).json() == {"secret": replaced}

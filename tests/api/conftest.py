"""One house for each test process, reached over real HTTP; each test brings tenants of its own."""

from collections.abc import Callable, Iterator

import pytest

from api.launch import House
from core.embedded import EmbeddedServers
from tests.api.person import Person
from tests.houses import shared_house

NewPerson = Callable[[], Person]


@pytest.fixture(scope="session")
def house(servers: EmbeddedServers) -> Iterator[House]:
    variables = {"ATRIUM_UPLOAD_MAX_BYTES": "5000000", "ATRIUM_EGRESS_ALLOWED_HOSTS": "127.0.0.1"}
    with shared_house(servers, **variables) as running:
        yield running


@pytest.fixture
def new_person(house: House) -> Iterator[NewPerson]:
    """Makes the owner of a new tenant."""
    people: list[Person] = []

    def make() -> Person:
        people.append(Person(house.url))
        return people[-1]

    yield make
    for person in people:
        person.close()


@pytest.fixture
def ann(new_person: NewPerson) -> Person:
    return new_person()


@pytest.fixture
def eve(new_person: NewPerson) -> Person:
    """The owner of another tenant."""
    return new_person()

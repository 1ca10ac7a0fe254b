"""One house for each test process, reached over real HTTP; each test brings tenants of its own."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.launch import House, free_port, house_on
from core.embedded import EmbeddedServers
from core.settings import Settings
from tests.api.person import Person
from tests.factories import cloned

NewPerson = Callable[[], Person]


@pytest.fixture(scope="session")
def house(servers: EmbeddedServers) -> Iterator[House]:
    with (
        pytest.MonkeyPatch.context() as environment,
        tempfile.TemporaryDirectory(prefix="atrium-house-") as folder,
        cloned(servers) as stores,
    ):
        environment.setenv("ATRIUM_LOGINS_PER_MINUTE", "100000")
        environment.setenv("ATRIUM_REQUESTS_PER_MINUTE", "100000")
        environment.setenv("ATRIUM_UPLOAD_MAX_BYTES", "5000000")
        with house_on(stores, Settings(data_dir=Path(folder), port=free_port())) as running:
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

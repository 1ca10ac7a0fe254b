"""Beside the house that serves the built-in graph alone, one that serves graphs which ask, wait and nest."""

from collections.abc import Iterator

import pytest

from api.launch import House
from core.embedded import EmbeddedServers
from tests.api.person import Person
from tests.houses import shared_house
from tests.sdk.conftest import GRAPHS


@pytest.fixture(scope="session")
def graph_house(servers: EmbeddedServers) -> Iterator[House]:
    with shared_house(servers, ATRIUM_GRAPHS=str(GRAPHS)) as running:
        yield running


@pytest.fixture
def bea(graph_house: House) -> Iterator[Person]:
    """The owner of a new tenant."""
    person = Person(graph_house.url)
    yield person
    person.close()


@pytest.fixture
def dan(graph_house: House) -> Iterator[Person]:
    """The owner of another tenant."""
    person = Person(graph_house.url)
    yield person
    person.close()

"""Beside the house that serves the built-in graph alone, one that serves graphs which ask, wait and nest."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.launch import House, free_port, house_on
from core.embedded import EmbeddedServers
from core.settings import Settings
from tests.api.person import Person
from tests.factories import cloned
from tests.sdk.conftest import GRAPHS


@pytest.fixture(scope="session")
def graph_house(servers: EmbeddedServers) -> Iterator[House]:
    with (
        pytest.MonkeyPatch.context() as environment,
        tempfile.TemporaryDirectory(prefix="atrium-house-") as folder,
        cloned(servers) as stores,
    ):
        environment.setenv("ATRIUM_GRAPHS", str(GRAPHS))
        environment.setenv("ATRIUM_LOGINS_PER_MINUTE", "100000")
        environment.setenv("ATRIUM_REQUESTS_PER_MINUTE", "100000")
        with house_on(stores, Settings(data_dir=Path(folder), port=free_port())) as running:
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

"""One house that serves our own graphs, for each test process; each test brings tenants of its own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from langgraph_sdk.client import LangGraphClient

from api.launch import House
from core.embedded import EmbeddedServers
from tests.api.person import Person
from tests.houses import shared_house
from tests.sdk.clients import Flavour, client_of

GRAPHS = Path(__file__).parent / "graphs" / "langgraph.json"

NewPerson = Callable[[], Person]
Connect = Callable[[Person, str | None], LangGraphClient]


@pytest.fixture(scope="session")
def house(servers: EmbeddedServers) -> Iterator[House]:
    with shared_house(servers, ATRIUM_GRAPHS=str(GRAPHS)) as running:
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


@pytest.fixture(params=["async", "sync"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Every test that uses a client runs once with each of the SDK's two."""
    chosen: Flavour = request.param
    return chosen


@pytest.fixture
async def connect(flavour: Flavour) -> AsyncIterator[Connect]:
    """Makes clients that are closed after the test."""
    async with AsyncExitStack() as opened:

        def make(person: Person, url: str | None = None) -> LangGraphClient:
            client = client_of(person, flavour, url)
            opened.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def ann(new_person: NewPerson, connect: Connect) -> LangGraphClient:
    return connect(new_person(), None)


@pytest.fixture
def eve(new_person: NewPerson, connect: Connect) -> LangGraphClient:
    """In another tenant."""
    return connect(new_person(), None)

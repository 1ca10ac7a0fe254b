"""One house that serves our own graphs, for each test process; each test brings tenants of its own."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from langgraph_sdk.client import LangGraphClient

from api.launch import House, free_port, house_on
from core.embedded import EmbeddedServers
from core.settings import Settings
from tests.api.person import Person
from tests.factories import cloned
from tests.sdk.clients import Flavour, client_of

GRAPHS = Path(__file__).parent / "graphs" / "langgraph.json"

NewPerson = Callable[[], Person]
Connect = Callable[[Person, str | None], LangGraphClient]


@pytest.fixture(scope="session")
def house(servers: EmbeddedServers) -> Iterator[House]:
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

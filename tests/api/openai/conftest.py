"""A second API process on the same stores: with a scripted model, and with graphs of one's own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from api.launch import House, free_port
from tests.api.openai.scripted_endpoint import ScriptedEndpoint, scripted_endpoint
from tests.api.person import Person

ClientOf = Callable[..., OpenAI]


@pytest.fixture(scope="session")
def endpoint() -> Iterator[ScriptedEndpoint]:
    with scripted_endpoint() as running:
        yield running


@pytest.fixture(scope="session")
def scripted_house(
    house: House, endpoint: ScriptedEndpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("openai")
    here = Path(__file__).parent / "own_graphs.py"
    graphs = {name: f"{here}:{name}" for name in ("thinker", "failing", "waiting", "silent")}
    named = folder / "langgraph.json"
    named.write_text(json.dumps({"dependencies": [], "graphs": graphs}))
    port = free_port()
    environment = house.environment | {
        "ATRIUM_PORT": str(port),
        "ATRIUM_GRAPHS": str(named),
        "ATRIUM_LLM_BASE_URL": endpoint.url,
        "ATRIUM_LLM_MAX_RETRIES": "0",
    }
    other = House(f"http://127.0.0.1:{port}", house.servers, folder, environment)
    other.start("api")
    try:
        other.wait_until_ready()
        yield other
    finally:
        other.stop()


@pytest.fixture
def client_of(house: House) -> Iterator[ClientOf]:
    """The real client, with a person's access token as its key."""
    clients: list[OpenAI] = []

    def make(person: Person, at: House = house) -> OpenAI:
        client = OpenAI(base_url=f"{at.url}/v1", api_key=person.tokens["access_token"], max_retries=0, timeout=30)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()

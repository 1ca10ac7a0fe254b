"""The tenant's assistants as models."""

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from api.launch import House
from tests.api.callers import nobody
from tests.api.openai.conftest import ClientOf
from tests.api.person import Person


def created(person: Person) -> str:
    made = person.http.post("/assistants", json={"graph_id": "agent", "name": "Brief"})
    assert made.status_code == 200, made.text
    assistant_id: str = made.json()["assistant_id"]
    return assistant_id


def test_anonymous_gets_401(house: House) -> None:
    with nobody(house) as client:
        for path in ("/v1/models", "/v1/models/agent"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_graphs_and_assistants_are_listed_and_another_tenants_are_not(
    ann: Person, eve: Person, client_of: ClientOf
) -> None:
    assistant_id = created(ann)
    owners = {model.id: model.owned_by for model in client_of(ann).models.list()}
    assert owners == {"agent": "atrium", assistant_id: "tenant"}
    assert [model.id for model in client_of(eve).models.list()] == ["agent"]


def test_a_model_is_found_by_each_of_its_ids(ann: Person, client_of: ClientOf) -> None:
    client = client_of(ann)
    default = ann.http.post("/assistants/search", json={}).json()[0]["assistant_id"]
    assert client.models.retrieve("agent") == client.models.retrieve(default)
    assistant_id = created(ann)
    assert client.models.retrieve(assistant_id).id == assistant_id


def test_another_tenants_model_is_like_none(ann: Person, eve: Person, client_of: ClientOf) -> None:
    bodies = []
    for model in (created(ann), "no-such-model"):
        with pytest.raises(openai.NotFoundError) as refused:
            client_of(eve).models.retrieve(model)
        bodies.append(refused.value.body)
    assert bodies[0] == bodies[1]
    assert refused.value.code == "model_not_found"


async def test_the_asynchronous_client_lists_them(ann: Person, house: House) -> None:
    async with AsyncOpenAI(base_url=f"{house.url}/v1", api_key=ann.tokens["access_token"]) as client:
        assert [model.id async for model in client.models.list()] == ["agent"]


def test_a_key_that_is_no_more_gets_401(ann: Person, house: House) -> None:
    key = ann.http.post("/v1/api-keys", json={"name": "program"}).json()
    client = OpenAI(base_url=f"{house.url}/v1", api_key=key["secret"], max_retries=0)
    assert [model.id for model in client.models.list()] == ["agent"]
    ann.http.delete(f"/v1/api-keys/{key['api_key_id']}")
    with pytest.raises(openai.AuthenticationError) as refused:
        client.models.list()
    assert refused.value.code == "api_key_invalid"

"""`/assistants`, `/ok` and `/info` through the official clients."""

import json
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

from api.launch import House
from core.tenancy import Role
from graphs.catalog.catalog import AGENT, default_assistant_id
from tests.api.callers import colleague, nobody
from tests.api.person import Person
from tests.api.problems import assert_problem

DEFAULT = str(default_assistant_id(AGENT))


@pytest.fixture
def client(ann: Person) -> LangGraphClient:
    return get_client(url=str(ann.http.base_url), headers={"Authorization": ann.http.headers["Authorization"]})


@pytest.fixture
def sync_client(ann: Person) -> SyncLangGraphClient:
    return get_sync_client(url=str(ann.http.base_url), headers={"Authorization": ann.http.headers["Authorization"]})


@pytest.fixture
def made(ann: Person) -> dict[str, Any]:
    created = ann.http.post("/assistants", json={"graph_id": AGENT, "name": "Ada", "metadata": {"team": "lamps"}})
    assert created.status_code == 200, created.text
    assistant: dict[str, Any] = created.json()
    return assistant


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_async_client_does_all_it_can_with_assistants(client: LangGraphClient) -> None:
    async with client:
        made = await client.assistants.create(AGENT, context={"tone": "dry"}, name="Ada", metadata={"team": "lamps"})
        one = made["assistant_id"]
        assert await client.assistants.get(one) == made
        assert (await client.assistants.update(one, name="Bea", description="New."))["version"] == 2
        versions = await client.assistants.get_versions(one)
        assert [(each["version"], each["name"]) for each in versions] == [(2, "Bea"), (1, "Ada")]
        assert (await client.assistants.set_latest(one, 1))["name"] == "Ada"
        assert await client.assistants.count(metadata={"team": "lamps"}) == 1
        found = await client.assistants.search(metadata={"team": "lamps"}, select=["name", "version"])
        assert found == [{"name": "Ada", "version": 1}]
        again = await client.assistants.create(AGENT, assistant_id=one, if_exists="do_nothing")
        assert again["assistant_id"] == one
        await client.assistants.delete(one, delete_threads=True)
        assert [each["assistant_id"] for each in await client.assistants.search()] == [DEFAULT]


def test_the_sync_client_does_all_it_can_with_assistants(sync_client: SyncLangGraphClient) -> None:
    made = sync_client.assistants.create(AGENT, config={"tags": ["a"]})
    one = made["assistant_id"]
    assert sync_client.assistants.get(one) == made
    assert sync_client.assistants.update(one, metadata={"team": "lamps"})["metadata"] == {"team": "lamps"}
    assert len(sync_client.assistants.get_versions(one, metadata={"team": "lamps"})) == 1
    assert sync_client.assistants.set_latest(one, 1)["metadata"] == {}
    assert sync_client.assistants.count(graph_id=AGENT, name="untitled") == 1
    assert len(sync_client.assistants.search(graph_id=AGENT, sort_by="name", sort_order="asc")) == 2
    sync_client.assistants.delete(one)
    assert sync_client.assistants.count() == 1


async def test_the_clients_see_the_graph_its_schemas_and_subgraphs(client: LangGraphClient) -> None:
    async with client:
        drawn = await client.assistants.get_graph(AGENT, xray=True)
        nodes = [node["id"] for node in drawn["nodes"]]
        assert (nodes[0], nodes[-1]) == ("__start__", "__end__")
        assert await client.assistants.get_graph(DEFAULT, xray=1) == drawn
        schemas = await client.assistants.get_schemas(DEFAULT)
        assert schemas["graph_id"] == AGENT
        assert "messages" in (schemas["state_schema"] or {})["properties"]
        assert "knowledge_base_ids" in (schemas["context_schema"] or {})["properties"]
        assert await client.assistants.get_subgraphs(DEFAULT, recurse=True) == {}
        assert await client.assistants.get_subgraphs(DEFAULT, namespace="nowhere") == {}


def test_the_sync_client_sees_the_same(sync_client: SyncLangGraphClient) -> None:
    assert sync_client.assistants.get_graph(DEFAULT)["edges"]
    assert sync_client.assistants.get_schemas(DEFAULT)["input_schema"]
    assert sync_client.assistants.get_subgraphs(DEFAULT) == {}


def test_pages_say_where_the_next_one_begins(ann: Person, made: dict[str, Any]) -> None:
    first = ann.http.post("/assistants/search", json={"limit": 1, "sort_by": "name"})
    assert (first.headers["X-Pagination-Total"], first.headers["X-Pagination-Next"]) == ("2", "1")
    last = ann.http.post("/assistants/search", json={"limit": 1, "offset": 1, "sort_by": "name"})
    assert last.headers["X-Pagination-Total"] == "2"
    assert "X-Pagination-Next" not in last.headers
    names = [each["name"] for page in (first, last) for each in page.json()]
    assert names == [AGENT, "Ada"]


def test_json_may_call_itself_text(ann: Person) -> None:
    body = json.dumps({"graph_id": AGENT})
    answer = ann.http.post("/assistants", content=body, headers={"Content-Type": "text/plain;charset=UTF-8"})
    assert answer.status_code == 200, answer.text


def test_a_client_cannot_write_itself_into_another_tenant(ann: Person) -> None:
    forged = {"tenant_id": str(uuid4()), "user_id": str(uuid4()), "thread_id": str(uuid4()), "tone": "dry"}
    made = ann.http.post("/assistants", json={"graph_id": AGENT, "config": {"configurable": forged}}).json()
    assert made["context"] == made["config"]["configurable"] == {"tone": "dry"}
    changed = ann.http.patch(f"/assistants/{made['assistant_id']}", json={"context": forged}).json()
    assert changed["context"] == {"tone": "dry"}


def test_anonymous_gets_401(house: House) -> None:
    with nobody(house) as client:
        for method, path in (("POST", "/assistants/search"), ("GET", f"/assistants/{DEFAULT}")):
            refused(client.request(method, path, json={}), 401, "unauthenticated")


def test_other_tenant_gets_404(eve: Person, made: dict[str, Any]) -> None:
    one = f"/assistants/{made['assistant_id']}"
    for method, path, body in (
        ("GET", one, None),
        ("PATCH", one, {"name": "Eve"}),
        ("DELETE", one, None),
        ("POST", f"{one}/latest", {"version": 1}),
        ("POST", f"{one}/versions", {}),
        ("GET", f"{one}/graph", None),
        ("GET", f"{one}/schemas", None),
        ("GET", f"{one}/subgraphs", None),
    ):
        refused(eve.http.request(method, path, json=body), 404, "not_found")


def test_members_use_assistants_and_admins_make_them(house: House, ann: Person, made: dict[str, Any]) -> None:
    one = f"/assistants/{made['assistant_id']}"
    with closing(colleague(house, ann)) as member, closing(colleague(house, ann, Role.ADMIN)) as admin:
        assert member.get(one).json() == made
        refused(member.post("/assistants", json={"graph_id": AGENT}), 403, "forbidden")
        refused(member.patch(one, json={"name": "Mine"}), 403, "forbidden")
        assert admin.patch(one, json={"name": "Ours"}).json()["name"] == "Ours"


def test_nobody_changes_a_default_assistant(ann: Person) -> None:
    refused(ann.http.patch(f"/assistants/{DEFAULT}", json={"name": "Mine"}), 403, "default_assistant")
    refused(ann.http.delete(f"/assistants/{DEFAULT}"), 403, "default_assistant")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/assistants", {"graph_id": "missing"}, 404),
        ("POST", "/assistants/search", {"graph_id": "missing"}, 404),
        ("POST", "/assistants", {"graph_id": AGENT, "assistant_id": DEFAULT}, 409),
        ("POST", "/assistants", {"graph_id": AGENT, "config": {"configurable": {"a": 1}}, "context": {"b": 1}}, 400),
        ("POST", "/assistants", {"graph_id": AGENT, "config": {"tags": 3}}, 422),
        ("POST", "/assistants", {"graph_id": AGENT, "metadata": {"a": "\x00"}}, 422),
        ("POST", "/assistants/search", {"select": ["secret"]}, 422),
        ("POST", "/assistants/search", {"limit": 0}, 422),
        ("GET", "/assistants/7", None, 422),
        ("GET", f"/assistants/{AGENT}/graph?xray=0", None, 422),
        ("POST", "/assistants/00000000-0000-4000-8000-000000000000/latest", {"version": 1}, 404),
    ],
)
def test_what_is_wrong_is_said_with_the_references_status(
    ann: Person, method: str, path: str, body: Any, status: int
) -> None:
    answer = ann.http.request(method, path, json=body)
    assert_problem(answer)
    assert answer.status_code == status, answer.text


def test_anyone_may_ask_whether_the_server_is_there_and_what_it_can_do(house: House) -> None:
    with nobody(house) as client:
        assert client.get("/ok").json() == client.get("/ok?check_db=1").json() == {"ok": True}
        info = client.get("/info").json()
    assert info["flags"]["assistants"] is True
    assert {"version", "langgraph_py_version", "metadata"} <= set(info)

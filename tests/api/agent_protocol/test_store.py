import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

from api.launch import House
from core.tenancy import Role
from tests.api.callers import colleague, nobody, program
from tests.api.person import Person
from tests.api.problems import assert_problem

NOTES = ["notes", "ann"]


@pytest.fixture
def put(ann: Person) -> dict[str, Any]:
    """One item of Ann's, as it was sent."""
    item = {"namespace": NOTES, "key": "safe", "value": {"text": "The safe is behind the clock"}}
    assert ann.http.put("/store/items", json=item).status_code == 204
    return item


@pytest.fixture
def sync_client(ann: Person) -> SyncLangGraphClient:
    return get_sync_client(url=str(ann.http.base_url), headers=authorization(ann))


@pytest.fixture
def client(ann: Person) -> LangGraphClient:
    return get_client(url=str(ann.http.base_url), headers=authorization(ann))


@pytest.fixture
def others(house: House, ann: Person, eve: Person) -> Iterator[list[httpx.Client]]:
    """Another tenant's owner, and an admin of the same tenant: memory is one's own."""
    with closing(colleague(house, ann, Role.ADMIN)) as bob:
        yield [eve.http, bob]


def authorization(person: Person) -> dict[str, str]:
    return {"Authorization": person.http.headers["Authorization"]}


def calls(http: httpx.Client) -> list[httpx.Response]:
    """Every route once, for Ann's item."""
    return [
        http.get("/store/items", params={"namespace": ".".join(NOTES), "key": "safe"}),
        http.post("/store/items/search", json={}),
        http.post("/store/items/search", json={"query": "safe"}),
        http.post("/store/namespaces", json={}),
        http.request("DELETE", "/store/items", json={"namespace": NOTES, "key": "safe"}),
        http.put("/store/items", json={"namespace": NOTES, "key": "safe", "value": {}}),
    ]


def test_nobody_gets_401(house: House) -> None:
    with closing(nobody(house)) as http:
        assert {answer.status_code for answer in calls(http)} == {401}


@pytest.mark.usefixtures("put")
def test_others_find_nothing_and_change_nothing(ann: Person, others: list[httpx.Client]) -> None:
    for http in others:
        found, listed, searched, namespaces, deleted, replaced = calls(http)
        assert (found.status_code, found.json()) == (200, None)
        assert listed.json() == searched.json() == {"items": []}
        assert namespaces.json() == {"namespaces": []}
        assert (deleted.status_code, replaced.status_code) == (204, 204)
    mine = ann.http.get("/store/items", params={"namespace": ".".join(NOTES), "key": "safe"}).json()
    assert mine["value"] == {"text": "The safe is behind the clock"}


def test_a_program_with_a_viewers_key_has_its_owners_memory(house: House, ann: Person, put: dict[str, Any]) -> None:
    with closing(program(house, ann, role="viewer")) as http:
        found = http.post("/store/items/search", json={"namespace_prefix": ["notes"]}).json()["items"]
    assert [item["value"] for item in found] == [put["value"]]


def test_an_item_has_the_fields_of_the_protocol(ann: Person, put: dict[str, Any]) -> None:
    item = ann.http.get("/store/items", params={"namespace": ".".join(NOTES), "key": "safe"}).json()
    assert item.keys() == {"namespace", "key", "value", "created_at", "updated_at"}
    assert {name: item[name] for name in put} == put
    (found,) = ann.http.post("/store/items/search", json={"namespace_prefix": None}).json()["items"]
    assert found == item | {"score": None}


@pytest.mark.usefixtures("put")
def test_a_namespace_in_a_query_is_joined_by_periods_or_repeated(ann: Person) -> None:
    for namespace in ([".".join(NOTES)], NOTES):
        answer = ann.http.get("/store/items", params={"namespace": namespace, "key": "safe"})
        assert answer.json()["namespace"] == NOTES


def test_json_sent_as_plain_text_is_understood(ann: Person) -> None:
    body = json.dumps({"namespace": ["n"], "key": "k", "value": {"a": 1}})
    answer = ann.http.put("/store/items", content=body, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 204
    assert ann.http.get("/store/items", params={"namespace": "n", "key": "k"}).json()["value"] == {"a": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"namespace": []},
        {"namespace": ["a.b"]},
        {"namespace": [""]},
        {"namespace": ["langgraph", "x"]},
        {"namespace": ["a\x00"]},
        {"namespace": ["a"] * 17},
        {"namespace": "a"},
        {"key": ""},
        {"key": "k\ud800"},
        {"key": "k" * 513},
        {"value": [1]},
        {"value": None},
        {"value": {"a": "\x00"}},
        {"value": {"a": "\ud800"}},
        {"value": {"a": float("nan")}},
        {"value": {"a": "x" * 300_000}},
        {"ttl": 0},
        {"ttl": float("inf")},
        {"index": True},
        {"index": ["a"] * 17},
    ],
    ids=lambda change: ascii(change)[:30],
)
def test_an_item_out_of_bounds_is_refused(ann: Person, change: dict[str, Any]) -> None:
    body = json.dumps({"namespace": ["n"], "key": "k", "value": {}} | change)
    answer = ann.http.put("/store/items", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert_problem(answer)


@pytest.mark.parametrize(
    "body",
    [
        {"namespace_prefix": ["a.b"]},
        {"filter": {"a": {"$where": 1}}},
        {"filter": {"a": "\ud800"}},
        {"limit": 0},
        {"limit": 1001},
        {"offset": -1},
    ],
    ids=ascii,
)
def test_a_search_that_makes_no_sense_is_refused(ann: Person, body: dict[str, Any]) -> None:
    answer = ann.http.post(
        "/store/items/search", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert_problem(answer)


@pytest.mark.parametrize("query", [{"key": "k"}, {"namespace": "n"}, {"namespace": "n..m", "key": "k"}], ids=str)
def test_an_item_asked_for_without_an_address_is_refused(ann: Person, query: dict[str, str]) -> None:
    answer = ann.http.get("/store/items", params=query)
    assert answer.status_code == 422
    assert_problem(answer)


async def test_every_method_of_the_official_client(client: LangGraphClient) -> None:
    store = client.store
    await store.put_item(NOTES, key="food", value={"text": "Ann likes pizza", "n": 1})
    await store.put_item(NOTES, key="car", value={"text": "The car is in the garage", "n": 2}, index=["text"], ttl=60)
    assert (await store.get_item(NOTES, key="car", refresh_ttl=False))["value"]["n"] == 2
    near = (await store.search_items(["notes"], query="What does Ann like to eat?"))["items"]
    assert [item["key"] for item in near] == ["food", "car"]
    assert near[0]["score"] > near[1]["score"]  # type: ignore[operator]
    many = (await store.search_items(["notes"], filter={"n": {"$gt": 1}}, limit=5, offset=0, refresh_ttl=True))[
        "items"
    ]
    assert [item["key"] for item in many] == ["car"]
    assert (await store.list_namespaces(prefix=["notes"], max_depth=1))["namespaces"] == [["notes"]]
    assert (await store.list_namespaces(suffix=["*", "ann"], limit=1, offset=0))["namespaces"] == [NOTES]
    await store.delete_item(NOTES, key="food")
    assert await store.get_item(NOTES, key="food") is None


def test_every_method_of_the_official_synchronous_client(sync_client: SyncLangGraphClient) -> None:
    store = sync_client.store
    store.put_item(NOTES, key="food", value={"text": "Ann likes pizza"})
    assert store.get_item(NOTES, key="food")["namespace"] == NOTES
    assert [item["key"] for item in store.search_items(["notes"])["items"]] == ["food"]
    assert store.list_namespaces()["namespaces"] == [NOTES]
    store.delete_item(NOTES, key="food")
    assert store.search_items(["notes"])["items"] == []

"""What a tenant sees does not change by a byte, whatever its neighbours do."""

from typing import Any

import pytest

from api.launch import House
from tests.api.person import Person
from tests.api.registered import new_import, new_server, one_of_each, tool
from tests.api.routes import ENDLESS, PROTECTED, request_of

HOLIDAYS = "# Holidays\n\nEveryone gets 28 days of holiday a year. The office closes on 24 December."
QUESTION = "How many days of holiday do I get a year?"


@pytest.fixture
def ids(house: House, ann: Person) -> dict[str, str]:
    """One of everything that Ann has."""
    knowledge_base_id = ann.knowledge_base()
    document = ann.ready(knowledge_base_id, holidays_md=HOLIDAYS, menu_md="The canteen serves soup on Monday.")[0]
    ann.http.post("/v1/api-keys", json={"name": "robot"})
    run = ann.chat(QUESTION)[0][1]
    assistant = {"graph_id": "agent", "name": "Ours"}
    cron = {"assistant_id": "agent", "schedule": "0 0 1 1 *", "input": {}}
    note = {"namespace": ["notes"], "key": "holiday", "value": {"days": 28}}
    ann.http.put("/store/items", json=note).raise_for_status()
    return {
        "knowledge_base_id": knowledge_base_id,
        "document_id": document["document_id"],
        **{name: run[name] for name in ("thread_id", "run_id")},
        "checkpoint_id": ann.http.get(f"/threads/{run['thread_id']}/state").json()["checkpoint"]["checkpoint_id"],
        "assistant_id": ann.http.post("/assistants", json=assistant).json()["assistant_id"],
        "cron_id": ann.http.post("/runs/crons", json=cron).json()["cron_id"],
        "namespace": "respond",
        "model": "agent",
        **one_of_each(house, ann, run["thread_id"], run["run_id"]),
    }


def read(ann: Person, ids: dict[str, str]) -> dict[str, bytes]:
    """The body of every route that can be read."""
    readable = [route for route in PROTECTED if route.method == "GET" and route.path not in ENDLESS]
    answers = {
        route: ann.http.get(route.path_with(ids), **request_of(route, "holiday")).raise_for_status()
        for route in readable
    }
    return {str(route): answer.content for route, answer in answers.items()}


def found(ann: Person, ids: dict[str, str]) -> bytes:
    path = f"/v1/knowledge-bases/{ids['knowledge_base_id']}/query"
    return ann.http.post(path, json={"query": "holiday in December"}).raise_for_status().content


def answered(ann: Person) -> dict[str, Any]:
    """An answer without its own ids; its thread is deleted again."""
    answer: dict[str, Any] = ann.http.post(
        "/v1/chat", json={"message": QUESTION}, headers={"Accept": "application/json"}
    ).json()
    ann.http.delete(f"/v1/threads/{answer.pop('thread_id')}")
    del answer["run_id"]
    return answer


def test_everything_a_tenant_sees_is_the_same_whatever_another_has(
    ann: Person, eve: Person, ids: dict[str, str]
) -> None:
    before = read(ann, ids), found(ann, ids), answered(ann)
    assert len(before[0]) >= 9
    assert b"28 days" in before[1]

    hers = eve.knowledge_base()
    files = {f"holidays{number}_md": f"Everyone gets {number} days of holiday a year." for number in range(19)}
    eve.ready(hers, holidays_md=HOLIDAYS, **files)
    thread_id = eve.chat(QUESTION)[0][1]["thread_id"]
    eve.chat("And in December?", thread_id=thread_id)
    eve.http.post("/v1/api-keys", json={"name": "robot"})
    tool(eve, "order", url="https://other.example.com/orders")
    eve.http.post("/v1/tool-servers", json=new_server("desk")).raise_for_status()
    eve.http.post("/v1/tools/import/openapi", json=new_import("pets")).raise_for_status()
    eve.http.put("/v1/tools/order/credentials/key", json={"api_key": "hers"}).raise_for_status()
    eve.http.put("/v1/tools/order/connection/mine", json={"token": "hers"}).raise_for_status()

    assert (read(ann, ids), found(ann, ids), answered(ann)) == before

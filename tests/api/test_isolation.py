"""What a tenant sees does not change by a byte, whatever its neighbours do."""

from typing import Any

import pytest

from tests.api.person import Person
from tests.api.routes import PROTECTED

HOLIDAYS = "# Holidays\n\nEveryone gets 28 days of holiday a year. The office closes on 24 December."
QUESTION = "How many days of holiday do I get a year?"


@pytest.fixture
def ids(ann: Person) -> dict[str, str]:
    """One of everything that Ann has."""
    knowledge_base_id = ann.knowledge_base()
    document = ann.ready(knowledge_base_id, holidays_md=HOLIDAYS, menu_md="The canteen serves soup on Monday.")[0]
    ann.http.post("/v1/api-keys", json={"name": "robot"})
    return {
        "knowledge_base_id": knowledge_base_id,
        "document_id": document["document_id"],
        "thread_id": ann.chat(QUESTION)[0][1]["thread_id"],
    }


def read(ann: Person, ids: dict[str, str]) -> dict[str, bytes]:
    """The body of every route that can be read."""
    paths = [route.path_with(ids) for route in PROTECTED if route.method == "GET"]
    return {path: ann.http.get(path).raise_for_status().content for path in paths}


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

    assert (read(ann, ids), found(ann, ids), answered(ann)) == before

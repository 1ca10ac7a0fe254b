"""`/threads` as LangGraph's clients use it; every route's permissions are in tests/api/test_permissions.py."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.launch import House
from core.tenancy import Role
from tests.api.callers import colleague
from tests.api.person import Person
from tests.api.problems import assert_problem


@pytest.fixture
def member(ann: Person, house: House) -> Iterator[httpx.Client]:
    with closing(colleague(house, ann)) as client:
        yield client


@pytest.fixture
def admin(ann: Person, house: House) -> Iterator[httpx.Client]:
    with closing(colleague(house, ann, role=Role.ADMIN)) as client:
        yield client


def made(http: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = http.post("/threads", json=body)
    assert answer.status_code == 200, answer.text
    thread: dict[str, Any] = answer.json()
    return thread


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [thread["thread_id"] for thread in answer.json()]


def test_a_new_thread_looks_as_the_protocol_says(ann: Person) -> None:
    thread = made(ann.http, metadata={"color": "green"})
    assert ann.http.get(f"/threads/{thread['thread_id']}").json() == thread
    times = [thread.pop(name) for name in ("created_at", "updated_at", "state_updated_at")]
    assert len(set(times)) == 1
    del thread["thread_id"]
    assert thread == {
        "metadata": {"color": "green"},
        "status": "idle",
        "config": {},
        "values": None,
        "interrupts": {},
        "error": None,
    }


def test_a_body_in_plain_text_is_json_all_the_same(ann: Person) -> None:
    for content_type in ("text/plain;charset=UTF-8", "application/x-www-form-urlencoded", None):
        headers = {} if content_type is None else {"Content-Type": content_type}
        answer = ann.http.post("/threads", content=json.dumps({"metadata": {"a": 1}}), headers=headers)
        assert (answer.status_code, answer.json()["metadata"]) == (200, {"a": 1})


def test_an_id_of_the_clients_own_is_taken_once(ann: Person, eve: Person, member: httpx.Client) -> None:
    thread_id = str(uuid4())
    mine = made(ann.http, thread_id=thread_id)
    assert mine["thread_id"] == made(eve.http, thread_id=thread_id)["thread_id"] == thread_id
    assert made(ann.http, thread_id=thread_id, if_exists="do_nothing") == mine
    again = ann.http.post("/threads", json={"thread_id": thread_id})
    members = [
        member.post("/threads", json={"thread_id": thread_id, "if_exists": it}) for it in ("raise", "do_nothing")
    ]
    for refused in (again, *members):
        assert_problem(refused)
        assert (refused.status_code, refused.json()["code"]) == (409, "thread_exists")


def test_members_have_their_own_threads_and_admins_the_tenants(
    ann: Person, eve: Person, member: httpx.Client, admin: httpx.Client
) -> None:
    thread = made(member)
    path = f"/threads/{thread['thread_id']}"
    for colleague_ in (ann.http, admin, member):
        assert colleague_.get(path).json() == thread
        assert ids(colleague_.post("/threads/search", json={})) == [thread["thread_id"]]
    mine = made(ann.http)["thread_id"]
    assert member.get(f"/threads/{mine}").status_code == member.delete(f"/threads/{mine}").status_code == 404
    assert ids(member.post("/threads/search", json={})) == [thread["thread_id"]]
    assert member.post("/threads/count", json={}).json() == 1
    assert admin.post("/threads/count", json={}).json() == 2
    assert eve.http.post("/threads/count", json={}).json() == 0
    assert admin.patch(path, json={"metadata": {"seen": True}}).json()["metadata"] == {"seen": True}
    assert admin.delete(path).status_code == 204
    assert member.get(path).status_code == 404


def test_metadata_is_merged_and_a_client_may_spare_the_answer(ann: Person) -> None:
    thread = made(ann.http, metadata={"a": 1, "b": 1})
    path = f"/threads/{thread['thread_id']}"
    changed = ann.http.patch(path, json={"metadata": {"b": 2}}).json()
    assert changed["metadata"] == {"a": 1, "b": 2}
    assert changed["updated_at"] > thread["updated_at"]
    minimal = ann.http.patch(path, json={"metadata": {"c": 3}}, headers={"Prefer": "return=minimal"})
    assert (minimal.status_code, minimal.content) == (204, b"")
    assert ann.http.get(path).json()["metadata"] == {"a": 1, "b": 2, "c": 3}


def test_when_a_thread_expires_is_told_to_those_who_ask(ann: Person) -> None:
    thread = made(ann.http, ttl={"ttl": 60, "strategy": "keep_latest"})
    path = f"/threads/{thread['thread_id']}"
    assert "ttl" not in ann.http.get(path).json()
    ttl = ann.http.get(path, params={"include": "ttl"}).json()["ttl"]
    assert (ttl["strategy"], ttl["ttl_minutes"]) == ("keep_latest", 60)
    ann.http.patch(path, json={"ttl": {"ttl": 120}})
    later = ann.http.get(path, params={"include": "ttl"}).json()["ttl"]
    assert (later["strategy"], later["ttl_minutes"]) == ("delete", 120)
    assert later["expires_at"] > ttl["expires_at"]


def test_pages_say_what_comes_next(ann: Person) -> None:
    created = [made(ann.http, metadata={"kind": "paged"})["thread_id"] for _ in range(3)]
    made(ann.http)
    body = {"metadata": {"kind": "paged"}, "limit": 2, "sort_by": "created_at", "sort_order": "asc"}
    first = ann.http.post("/threads/search", json=body)
    assert (first.headers["X-Pagination-Next"], first.headers["X-Pagination-Total"]) == ("2", "3")
    last = ann.http.post("/threads/search", json={**body, "offset": int(first.headers["X-Pagination-Next"])})
    assert ("X-Pagination-Next" in last.headers, last.headers["X-Pagination-Total"]) == (False, "3")
    assert ids(first) + ids(last) == created


def test_a_search_brings_the_selected_fields_and_extracts(ann: Person) -> None:
    thread = made(ann.http, metadata={"owner": {"name": "Ann"}})
    body = {"select": ["thread_id"], "extract": {"owner": "metadata.owner.name"}}
    found = ann.http.post("/threads/search", json=body).json()
    assert found == [{"thread_id": thread["thread_id"], "extracted": {"owner": "Ann"}}]


def test_pruning_counts_what_was_there(ann: Person, eve: Person) -> None:
    mine, theirs = made(ann.http)["thread_id"], made(eve.http)["thread_id"]
    body = {"thread_ids": [mine, mine, theirs, str(uuid4())]}
    kept = ann.http.post("/threads/prune", json={**body, "strategy": "keep_latest"})
    assert kept.json() == {"pruned_count": 1}
    assert ann.http.get(f"/threads/{mine}").status_code == 200
    assert ann.http.post("/threads/prune", json=body).json() == {"pruned_count": 1}
    assert ann.http.get(f"/threads/{mine}").status_code == 404
    assert eve.http.get(f"/threads/{theirs}").status_code == 200


def test_a_copy_has_the_metadata_and_an_id_of_its_own(ann: Person) -> None:
    thread = made(ann.http, metadata={"color": "green"})
    copied = ann.http.post(f"/threads/{thread['thread_id']}/copy").json()
    assert copied["thread_id"] != thread["thread_id"]
    assert copied["metadata"] == thread["metadata"]
    assert ann.http.get(f"/threads/{copied['thread_id']}").json() == copied


def test_an_empty_thread_takes_no_storage(ann: Person) -> None:
    thread_id = made(ann.http)["thread_id"]
    assert ann.http.get(f"/threads/{thread_id}/storage").json() == {
        "thread_id": thread_id,
        "total_bytes": 0,
        "checkpoints": {"count": 0, "bytes": 0},
        "channel_values": {"count": 0, "bytes": 0, "by_channel": {}},
        "pending_writes": {"count": 0, "bytes": 0},
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/threads", {"thread_id": "7"}),
        ("/threads", {"metadata": []}),
        ("/threads", {"metadata": {"a": "\x00"}}),
        ("/threads", {"metadata": {"a": "\ud800"}}),
        ("/threads", {"metadata": {"a": "x" * 70_000}}),
        ("/threads", {"if_exists": "maybe"}),
        ("/threads", {"ttl": 60}),
        ("/threads", {"ttl": {"ttl": 0}}),
        ("/threads", {"ttl": {"ttl": 1e300}}),
        ("/threads", {"ttl": {"ttl": 1, "strategy": "forget"}}),
        ("/threads/search", {"limit": 0}),
        ("/threads/search", {"limit": 1001}),
        ("/threads/search", {"offset": -1}),
        ("/threads/search", {"offset": 10**30}),
        ("/threads/search", {"ids": ["7"]}),
        ("/threads/search", {"status": "bored"}),
        ("/threads/search", {"sort_by": "tenant_id"}),
        ("/threads/search", {"sort_order": "random()"}),
        ("/threads/search", {"select": ["user_id"]}),
        ("/threads/search", {"extract": {"a b": "values.a"}}),
        ("/threads/search", {"extract": {"a": "user_id"}}),
        ("/threads/search", {"values": {"a": "\x00"}}),
        ("/threads/count", {"metadata": {"a": "\ud800"}}),
        ("/threads/prune", {}),
        ("/threads/prune", {"thread_ids": ["7"]}),
        ("/threads/prune", {"thread_ids": [], "strategy": "burn"}),
        ("/threads/search", []),
        ("/threads/search", None),
    ],
)
def test_a_wrong_body_gets_422_with_a_detail(ann: Person, path: str, body: object) -> None:
    answer = ann.http.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert_problem(answer)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity"])
def test_a_number_that_json_does_not_know_gets_422(ann: Person, number: str) -> None:
    answer = ann.http.post("/threads", content=f'{{"metadata": {{"a": {number}}}}}')
    assert answer.status_code == 422, answer.text


def test_metadata_that_is_nested_without_end_is_refused(ann: Person) -> None:
    for depth in (200, 5_000, 100_000):
        nested = '{"a":' * depth + "1" + "}" * depth
        answer = ann.http.post("/threads", content=f'{{"metadata": {nested}}}')
        assert_problem(answer)
        assert answer.status_code in (400, 422)

"""`/threads/{id}/state` and `/history`: read at any checkpoint, changed by hand, by those who reach the thread."""

import json
from typing import Any
from uuid import uuid4

import pytest

from api.launch import House
from tests.api.callers import behind_the_api
from tests.api.person import Person
from tests.api.problems import assert_problem

EMPTY: dict[str, Any] = {
    "values": {},
    "next": [],
    "tasks": [],
    "metadata": None,
    "created_at": None,
    "checkpoint": None,
    "parent_checkpoint": None,
    "interrupts": [],
    "checkpoint_id": None,
    "parent_checkpoint_id": None,
}


@pytest.fixture
def path(ann: Person) -> str:
    """Of a thread that the built-in graph is named for, though no run was on it yet."""
    return thread(ann, metadata={"graph_id": "agent"})


def thread(person: Person, **body: Any) -> str:
    return f"/threads/{person.http.post('/threads', json=body).json()['thread_id']}"


def say(person: Person, path: str, text: str, **body: Any) -> dict[str, Any]:
    """As if the model had said it."""
    values = {"messages": [{"type": "ai", "content": text}]}
    answer = person.http.post(f"{path}/state", json={"values": values, "as_node": "respond", **body})
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def texts(state: dict[str, Any]) -> list[str]:
    return [message["content"] for message in state["values"].get("messages", [])]


def test_a_thread_that_nothing_ran_on_has_an_empty_state(ann: Person) -> None:
    path = thread(ann)
    assert ann.http.get(f"{path}/state").json() == EMPTY
    assert ann.http.get(f"{path}/history").json() == []
    assert ann.http.post(f"{path}/history", json={}).json() == []
    answer = ann.http.post(f"{path}/state", json={"values": {}})
    assert (answer.status_code, answer.json()["code"]) == (400, "no_graph")


def test_a_state_that_was_written_is_read_again(ann: Person, path: str) -> None:
    changed = say(ann, path, "Hello.")
    assert changed["checkpoint"]["checkpoint_id"] == changed["checkpoint_id"]
    state = ann.http.get(f"{path}/state").json()
    assert texts(state) == ["Hello."]
    assert state["next"] == ["cite"]
    assert state["checkpoint"] == changed["checkpoint"]
    assert state["metadata"]["source"] == "update"
    found = ann.http.get(path).json()
    assert found["values"] == state["values"]
    assert found["state_updated_at"] > found["created_at"]


def test_each_checkpoint_keeps_its_state_and_can_be_gone_on_from(ann: Person, path: str) -> None:
    first, second = say(ann, path, "one"), say(ann, path, "two")
    at_first = ann.http.get(f"{path}/state/{first['checkpoint_id']}").json()
    assert texts(at_first) == ["one"]
    assert ann.http.post(f"{path}/state/checkpoint", json={"checkpoint": first["checkpoint"]}).json() == at_first
    say(ann, path, "other", checkpoint=first["checkpoint"])
    newest = ann.http.get(f"{path}/state").json()
    assert texts(newest) == ["one", "other"]
    assert newest["parent_checkpoint"]["checkpoint_id"] == first["checkpoint_id"]
    assert texts(ann.http.get(f"{path}/state/{second['checkpoint_id']}").json()) == ["one", "two"]


def test_history_is_newest_first_and_bounded(ann: Person, path: str) -> None:
    written = [say(ann, path, text)["checkpoint_id"] for text in ("one", "two", "three")]

    def history(**body: Any) -> list[str]:
        states = ann.http.post(f"{path}/history", json=body).json()
        return [state["checkpoint_id"] for state in states]

    assert history(limit=10) == written[::-1]
    assert history() == written[-1:]
    assert history(limit=10, before=written[2]) == written[1::-1]
    assert history(limit=10, before={"checkpoint_id": written[1]}) == written[:1]
    assert history(limit=10, metadata={"source": "update"}) == written[::-1]
    assert history(limit=10, metadata={"source": "loop"}) == []
    by_query = ann.http.get(f"{path}/history", params={"limit": 2, "before": written[2]}).json()
    assert [state["checkpoint_id"] for state in by_query] == written[1::-1]


def test_another_checkpoints_thread_is_not_reached_through_a_thread_of_mine(
    ann: Person, eve: Person, path: str
) -> None:
    theirs = thread(eve, metadata={"graph_id": "agent"})
    checkpoint = say(eve, theirs, "secret")["checkpoint"]
    for answer in (
        ann.http.post(f"{path}/state/checkpoint", json={"checkpoint": checkpoint}),
        ann.http.get(f"{path}/state/{checkpoint['checkpoint_id']}"),
        ann.http.post(f"{path}/history", json={"checkpoint": checkpoint}),
    ):
        assert "secret" not in answer.text


def test_a_thread_with_a_run_cannot_be_changed_by_hand(ann: Person, path: str, house: House) -> None:
    say(ann, path, "one")
    thread_id, me = path.removeprefix("/threads/"), ann.tokens["me"]
    run_id = str(uuid4())
    with behind_the_api(house) as connection:
        connection.execute(
            "INSERT INTO runs (tenant_id, run_id, thread_id, user_id, assistant_id, graph_id, multitask_strategy, "
            "request) VALUES (%s, %s, %s, %s, gen_random_uuid(), 'agent', 'enqueue', '{}')",
            (me["tenant_id"], run_id, thread_id, me["user_id"]),
        )
        connection.execute(
            "INSERT INTO run_queue (tenant, run_id, thread_id, user_id, role, available_at) "
            "VALUES (%s, %s, %s, %s, 'owner', now() + interval '1 day')",
            (me["tenant_id"], run_id, thread_id, me["user_id"]),
        )
    answer = ann.http.post(f"{path}/state", json={"values": {"messages": []}, "as_node": "respond"})
    assert (answer.status_code, answer.json()["code"]) == (409, "thread_busy")
    assert texts(ann.http.get(f"{path}/state").json()) == ["one"]


def test_a_new_thread_can_begin_with_a_state(ann: Person) -> None:
    messages = [{"messages": [{"type": kind, "content": kind}]} for kind in ("human", "ai")]
    steps = [
        {"updates": [{"values": messages[0], "as_node": "__start__"}]},
        {"updates": [{"values": messages[1], "as_node": "respond"}]},
    ]
    created = ann.http.post("/threads", json={"metadata": {"graph_id": "agent"}, "supersteps": steps}).json()
    assert [message["content"] for message in created["values"]["messages"]] == ["human", "ai"]
    states = ann.http.get(f"/threads/{created['thread_id']}/history").json()
    assert [len(texts(state)) for state in states][:2] == [2, 1]


def test_a_thread_whose_state_cannot_be_made_is_not_made(ann: Person) -> None:
    steps = [{"updates": [{"values": {}, "as_node": "nobody"}]}]
    answer = ann.http.post("/threads", json={"metadata": {"graph_id": "agent"}, "supersteps": steps})
    assert_problem(answer)
    assert answer.status_code == 422
    assert ann.http.post("/threads/count", json={}).json() == 0
    kept = {"thread_id": str(uuid4()), "metadata": {"graph_id": "agent"}}
    ann.http.post("/threads", json=kept)
    ann.http.post("/threads", json={**kept, "if_exists": "do_nothing", "supersteps": steps})
    assert ann.http.get(f"/threads/{kept['thread_id']}").status_code == 200


def test_a_copy_remembers_the_same(ann: Person, path: str) -> None:
    say(ann, path, "one")
    copied = f"/threads/{ann.http.post(f'{path}/copy').json()['thread_id']}"
    say(ann, copied, "two")
    assert texts(ann.http.get(f"{copied}/state").json()) == ["one", "two"]
    assert texts(ann.http.get(f"{path}/state").json()) == ["one"]


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("state", {"values": {"messages": [{"type": "ai", "content": "x"}]}, "as_node": "nobody"}),
        ("state", {"values": {"nothing": 1}, "as_node": 7}),
        ("state", {"values": {"question": "\x00"}, "as_node": "respond"}),
        ("state", {"values": {"messages": [{"type": "nobody", "content": "x"}]}, "as_node": "respond"}),
        ("state", {"values": 7, "as_node": "respond"}),
        ("state", {"values": {}, "as_node": "respond", "checkpoint": {"checkpoint_id": "\x00"}}),
        ("state/checkpoint", {}),
        ("state/checkpoint", {"checkpoint": {"checkpoint_id": "a\x00"}}),
        ("history", {"limit": 0}),
        ("history", {"limit": 1001}),
        ("history", {"before": "\x00"}),
        ("history", {"before": 7}),
        ("history", {"metadata": {"a": "\ud800"}}),
    ],
)
def test_what_a_graph_cannot_take_gets_422_with_a_detail(ann: Person, path: str, where: str, body: object) -> None:
    answer = ann.http.post(f"{path}/{where}", content=json.dumps(body))
    assert_problem(answer)
    assert answer.status_code == 422, answer.text


def test_a_checkpoint_that_is_not_there_has_no_state(ann: Person, path: str) -> None:
    say(ann, path, "one")
    assert texts(ann.http.get(f"{path}/state/{uuid4()}").json()) == []
    assert ann.http.get(f"{path}/state/7").status_code == 422


def test_a_graph_that_is_not_served_gets_404(ann: Person) -> None:
    path = thread(ann, metadata={"graph_id": "no_such_graph"})
    assert ann.http.get(f"{path}/state").status_code == 404

"""`POST /threads/{id}/commands`: runs begin and go on as asked, and what cannot be done says why."""

from typing import Any
from uuid import uuid4

import pytest

from api.launch import House
from tests.api.agent_protocol.streaming import Thread, asked, upto
from tests.api.callers import colleague, nobody
from tests.api.person import Person

TEA = {"item": "tea"}


@pytest.fixture
def thread(bea: Person) -> Thread:
    return Thread(bea.http)


def refusal(answer: dict[str, Any]) -> str:
    assert answer["type"] == "error", answer
    code: str = answer["error"]
    return code


def values(thread: Thread) -> dict[str, Any]:
    state: dict[str, Any] = thread.http.get(f"{thread.path}/state").json()
    found: dict[str, Any] = state["values"]
    return found


def test_a_run_makes_the_thread_whose_id_its_client_chose(thread: Thread) -> None:
    answer = thread.start("nested", {"text": "hi"}, metadata={"label": "mine"})
    assert (answer["type"], answer["id"], answer["meta"]) == ("success", 1, {"applied_through_seq": 0})
    thread.until("completed")
    assert values(thread) == {"text": "HI!"}
    run = thread.http.get(f"{thread.path}/runs/{answer['result']['run_id']}").json()
    assert (run["status"], run["metadata"]["label"]) == ("success", "mine")
    assert thread.http.get(thread.path).json()["metadata"]["graph_id"] == "nested"


def test_an_assistant_is_named_by_its_id_as_well(thread: Thread, bea: Person) -> None:
    assistant = bea.http.post("/assistants", json={"graph_id": "nested"}).json()
    assert thread.start(assistant["assistant_id"], {"text": "hi"})["type"] == "success"
    thread.until("completed")


def test_an_answer_says_how_far_the_log_was_before_its_own_run(thread: Thread) -> None:
    thread.start("nested", {"text": "one"})
    before = thread.until("completed")
    answer = thread.start("nested", {"text": "two"})
    applied = answer["meta"]["applied_through_seq"]
    assert applied > before[-1]["seq"]
    second = thread.until("completed", since=applied)
    assert second[0]["event_id"].startswith(f"synth:{answer['result']['run_id']}:")
    assert second[0]["seq"] == applied + 1


def test_what_cannot_be_started_leaves_no_thread(thread: Thread) -> None:
    assert refusal(thread.start("nobody-knows-it", {})) == "unknown_error"
    assert refusal(thread.command("run.start", input={})) == "invalid_argument"
    assert refusal(thread.start("nested", {}, multitaskStrategy="sometimes")) == "invalid_argument"
    assert refusal(thread.start("nested", {"text": "\0"})) == "invalid_argument"
    assert refusal(thread.start("nested", None, config={"recursion_limit": "much"})) == "invalid_argument"
    assert thread.http.get(thread.path).status_code == 404


@pytest.mark.parametrize(
    ("body", "id_"),
    [("{", None), ("[]", None), ('{"id": 7}', 7), ('{"id": "7", "method": "run.start"}', None),
     ('{"id": -1, "method": "run.start"}', None), ('{"id": true, "method": "run.start"}', None),
     ('{"id": 7, "method": 1}', 7), ('{"id": 7, "method": "run.start", "params": []}', 7)],
)  # fmt: skip
def test_what_is_no_command_is_an_invalid_argument(thread: Thread, body: str, id_: int | None) -> None:
    answer = thread.http.post(f"{thread.path}/commands", content=body)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["type"], told["id"], told["error"]) == ("error", id_, "invalid_argument")


def test_commands_that_do_not_exist_are_told_from_those_of_a_websocket(thread: Thread) -> None:
    assert refusal(thread.command("state.get")) == "unknown_command"
    assert refusal(thread.command("subscription.subscribe", channels=["values"])) == "not_supported"
    assert refusal(thread.command("subscription.unsubscribe", subscription_id="x")) == "no_such_subscription"


def test_an_interrupt_is_answered_once(thread: Thread) -> None:
    thread.start("approval", TEA)
    events = thread.until("interrupted")
    request = asked(events)
    answer = thread.command("input.respond", **request, response="yes")
    assert (answer["type"], answer["result"]) == ("success", {})
    thread.until("completed", since=answer["meta"]["applied_through_seq"])
    assert values(thread)["outcome"] == "tea: yes"
    assert refusal(thread.command("input.respond", **request, response="no")) == "no_such_interrupt"
    assert values(thread)["outcome"] == "tea: yes"


def test_an_answer_that_comes_before_its_run_has_ended_waits_for_it(thread: Thread) -> None:
    with thread.events("input", "lifecycle") as events:
        for turn in range(10):
            thread.start("approval", TEA)
            request = next(event for event in events if event["method"] == "input.requested")
            assert thread.command("input.respond", **asked([request]), response=turn)["type"] == "success"
            assert upto("interrupted", events)
            assert upto("completed", events)
            assert values(thread)["outcome"] == f"tea: {turn}"


def test_answers_to_several_come_at_once(thread: Thread) -> None:
    thread.start("approval", TEA)
    request = asked(thread.until("interrupted"))
    assert refusal(thread.command("input.respond", responses=[])) == "invalid_argument"
    unknown = {"interrupt_id": "unknown", "response": 1}
    known = {**request, "response": "yes"}
    assert refusal(thread.command("input.respond", responses=[known, unknown])) == "no_such_interrupt"
    answer = thread.command("input.respond", responses=[known], update={"item": "milk"})
    thread.until("completed", since=answer["meta"]["applied_through_seq"])
    assert values(thread)["outcome"].endswith(": yes")


def test_an_answer_to_another_namespace_is_not_taken(thread: Thread) -> None:
    thread.start("approval", TEA)
    request = asked(thread.until("interrupted"))
    elsewhere = {**request, "namespace": [f"other:{uuid4()}"]}
    assert refusal(thread.command("input.respond", **elsewhere, response="yes")) == "no_such_interrupt"
    assert refusal(thread.command("input.respond", **{**request, "namespace": "x"})) == "invalid_argument"


def test_nothing_asks_on_a_thread_without_runs(thread: Thread, bea: Person) -> None:
    answer = {"interrupt_id": "x", "response": 1}
    assert refusal(thread.command("input.respond", **answer)) == "no_such_run"
    assert refusal(thread.command("agent.getTree")) == "no_such_run"
    empty = Thread(bea.http, bea.http.post("/threads", json={}).json()["thread_id"])
    assert refusal(empty.command("input.respond", **answer)) == "no_such_run"
    assert refusal(empty.command("agent.getTree")) == "no_such_run"


def test_input_on_a_thread_that_asks_is_the_answer(thread: Thread) -> None:
    thread.start("approval", TEA)
    end = thread.until("interrupted")[-1]
    thread.start("approval", "gladly")
    thread.until("completed", since=end["seq"])
    assert values(thread) == {**TEA, "outcome": "tea: gladly"}


def test_a_busy_thread_turns_a_run_away_when_asked_to(thread: Thread, bea: Person) -> None:
    gate = str(uuid4())
    thread.start("gated", {"gate": gate})
    turned_away = thread.start("gated", {"gate": gate}, multitaskStrategy="reject")
    assert refusal(turned_away) == "unknown_error"
    assert "already running" in turned_away["message"]
    assert thread.start("gated", {"gate": gate}, multitask_strategy="enqueue")["type"] == "success"
    bea.http.put("/store/items", json={"namespace": ["gates"], "key": gate, "value": {}}).raise_for_status()
    with thread.events("lifecycle") as events:
        upto("completed", events)
        upto("completed", events)
    assert len(values(thread)["steps"]) == 4


def test_a_run_forks_from_a_checkpoint_of_its_own_thread(thread: Thread, bea: Person) -> None:
    thread.start("nested", {"text": "hi"})
    end = thread.until("completed")[-1]
    oldest = thread.http.get(f"{thread.path}/history").json()[-1]["checkpoint_id"]
    other = Thread(bea.http)
    other.start("nested", {"text": "secret"})
    other.until("completed")
    theirs = other.http.get(f"{other.path}/state").json()["checkpoint"]["checkpoint_id"]

    def fork(checkpoint_id: str) -> dict[str, Any]:
        return thread.start("nested", {"text": "fork"}, config={"configurable": {"checkpoint_id": checkpoint_id}})

    assert refusal(fork("zz")) == "invalid_argument"
    assert refusal(fork(theirs)) == "no_such_checkpoint"
    assert fork(oldest)["type"] == "success"
    thread.until("completed", since=end["seq"] + 1)
    assert values(thread) == {"text": "FORK!"}
    newest = thread.http.get(f"{thread.path}/history", params={"limit": 100}).json()
    assert [state["parent_checkpoint_id"] for state in newest].count(oldest) == 2


def test_the_tree_shows_what_ran_inside(thread: Thread) -> None:
    run_id = thread.start("nested", {"text": "hi"})["result"]["run_id"]
    started = next(event for event in thread.until("completed") if event["params"]["data"].get("event") == "started")
    tree = {
        "namespace": [], "status": "completed", "graph_name": "nested",
        "children": [{"namespace": started["params"]["namespace"], "status": "completed", "graph_name": "inner"}],
    }  # fmt: skip
    assert thread.command("agent.getTree")["result"] == {"tree": tree}
    assert thread.command("agent.getTree", run_id=run_id)["result"] == {"tree": tree}
    assert refusal(thread.command("agent.getTree", run_id=str(uuid4()))) == "no_such_run"


def test_what_a_client_says_of_itself_decides_nothing(thread: Thread, dan: Person) -> None:
    other = Thread(dan.http)
    me = dan.tokens["me"]
    claims = {"thread_id": other.thread_id, "tenant_id": me["tenant_id"], "user_id": me["user_id"]}
    thread.start("made", {}, config={"configurable": claims}, context=claims, metadata=claims)
    thread.until("completed")
    assert values(thread)["user"] != me["user_id"]
    assert other.http.get(other.path).status_code == 404


def test_nobody_commands(thread: Thread, graph_house: House) -> None:
    with nobody(graph_house) as http:
        answer = http.post(f"{thread.path}/commands", json={"id": 1, "method": "agent.getTree"})
    assert answer.status_code == 401


def test_a_thread_of_others_is_like_one_that_does_not_exist(
    thread: Thread, bea: Person, dan: Person, graph_house: House
) -> None:
    thread.start("approval", TEA)
    request = asked(thread.until("interrupted"))
    with colleague(graph_house, bea) as bob:
        for stranger in (dan.http, bob):
            theirs, missing = Thread(stranger, thread.thread_id), Thread(stranger)
            for method, params in (("agent.getTree", {}), ("input.respond", {**request, "response": "yes"})):
                assert theirs.command(method, **params) == missing.command(method, **params)
        assert refusal(Thread(bob, thread.thread_id).start("approval", TEA)) == "unknown_error"
    # In another tenant the same id is another thread.
    assert Thread(dan.http, thread.thread_id).start("nested", {"text": "mine"})["type"] == "success"
    assert thread.command("input.respond", **request, response="yes")["type"] == "success"

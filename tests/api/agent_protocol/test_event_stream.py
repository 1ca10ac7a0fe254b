"""`POST /threads/{id}/stream/events`: every event once, from any number on, for those who reach the thread."""

from typing import Any

import pytest

from api.launch import House
from tests.api.agent_protocol.streaming import ALL, Event, Thread, asked, upto
from tests.api.callers import nobody
from tests.api.person import Person
from tests.api.problems import assert_problem

HI = {"messages": [{"type": "human", "content": "hi"}]}


@pytest.fixture
def thread(bea: Person) -> Thread:
    return Thread(bea.http)


def test_a_stream_begins_before_its_thread_and_goes_on_after_a_run(thread: Thread) -> None:
    with thread.events() as events:
        first = thread.start("nested", {"text": "one"})["result"]["run_id"]
        one = upto("completed", events)
        second = thread.start("nested", {"text": "two"})["result"]["run_id"]
        two = upto("completed", events)
    assert one[0]["event_id"] == f"synth:{first}:1"
    assert two[0]["event_id"] == f"synth:{second}:{two[0]['seq']}"
    numbers = [event["seq"] for event in one + two]
    assert numbers == sorted(set(numbers))
    assert len({event["event_id"] for event in one + two}) == len(numbers)


def test_an_event_is_an_envelope(thread: Thread) -> None:
    thread.start("nested", {"text": "hi"})
    event = next(event for event in thread.until("completed") if event["method"] == "values")
    assert event.pop("params").keys() >= {"namespace", "timestamp", "data"}
    assert event == {"type": "event", "event_id": str(event["seq"]), "seq": event["seq"], "method": "values"}


def test_the_checkpoint_before_a_state_leads_to_that_state(thread: Thread) -> None:
    thread.start("echo", HI)
    told = thread.until("completed", "values", "checkpoints", "lifecycle", namespaces=[[]], depth=0)
    states = [at for at, event in enumerate(told) if event["method"] == "values"]
    assert states
    for before, state in ((told[at - 1], told[at]) for at in states):
        assert before["method"] == "checkpoints"
        kept = thread.http.get(f"{thread.path}/state/{before['params']['data']['id']}").raise_for_status().json()
        shown = [message["content"] for message in state["params"]["data"]["messages"]]
        assert [message["content"] for message in kept["values"]["messages"]] == shown


def test_a_reader_that_was_cut_off_goes_on_exactly(thread: Thread) -> None:
    thread.start("echo", HI)
    thread.until("completed")
    thread.http.post(f"{thread.path}/runs/wait", json={"assistant_id": "nested", "input": {"text": "old"}})
    with thread.events() as events:
        whole = without_time([*upto("completed", events), *upto("completed", events)])
    last = whole[-1]["seq"]
    for since in range(last):
        rest = [event for event in whole if event["seq"] > since]
        for place in ({"since": since}, {"headers": {"Last-Event-ID": str(since)}}):
            with thread.events(**place) as events:
                assert without_time([next(events) for _ in rest]) == rest


def without_time(events: list[Event]) -> list[Event]:
    """What is told of another generation's run carries the time at which it is told."""
    return [{**event, "params": {**event["params"], "timestamp": 0}} for event in events]


def test_of_another_generations_run_a_reader_sees_how_it_begins_and_ends(thread: Thread, bea: Person) -> None:
    run = {"assistant_id": "nested", "input": {"text": "hi"}, "if_not_exists": "create"}
    bea.http.post(f"{thread.path}/runs/wait", json=run).raise_for_status()
    failing = {"assistant_id": "echo", "input": {"messages": [{"type": "human", "content": "fail"}]}}
    bea.http.post(f"{thread.path}/runs/wait", json=failing).raise_for_status()
    with thread.events() as events:
        told = [*upto("completed", events), *upto("failed", events)]
    assert [event["params"]["data"]["event"] for event in told] == ["running", "completed", "running", "failed"]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [({}, {(), ("inner",)}), ({"namespaces": [["inner"]]}, {("inner",)}), ({"namespaces": [[]], "depth": 0}, {()}),
     ({"namespaces": [["inner", "deeper"], ["other"], []], "depth": 0}, {()}),
     ({"namespaces": None, "depth": None, "since": None}, {(), ("inner",)})],
)  # fmt: skip
def test_a_reader_chooses_namespaces(thread: Thread, wanted: dict[str, Any], places: set[tuple[str, ...]]) -> None:
    thread.start("nested", {"text": "hi"})
    whole = thread.until("completed")
    chosen = [event for event in whole if place_of(event) in places]
    with thread.events(**wanted) as events:
        assert [next(events) for _ in chosen] == chosen
    exact = next(event["params"]["namespace"] for event in whole if event["params"]["namespace"])
    with thread.events(namespaces=[exact]) as events:
        assert next(events)["params"]["namespace"] == exact


def place_of(event: Event) -> tuple[str, ...]:
    return tuple(segment.partition(":")[0] for segment in event["params"]["namespace"])


@pytest.mark.parametrize("channel", [*sorted(set(ALL) - {"tools", "input"}), "custom:noted"])
def test_a_reader_chooses_channels(thread: Thread, channel: str) -> None:
    thread.start("echo", HI)
    whole = thread.until("completed")
    chosen = [event for event in whole if event["method"] == channel.partition(":")[0]]
    assert chosen
    with thread.events(channel, "custom:something else") as events:
        assert [next(events) for _ in chosen] == chosen
    if channel == "custom:noted":
        with thread.events("custom:something else", "lifecycle") as events:
            assert {event["method"] for event in upto("completed", events)} == {"lifecycle"}


def test_an_interrupt_comes_on_the_channel_of_inputs(thread: Thread) -> None:
    thread.start("approval", {"item": "tea"})
    events = thread.until("interrupted", "input", "lifecycle")
    assert asked(events)["namespace"] == []
    assert events[1]["params"]["data"]["payload"] == {"question": "Buy tea?"}


@pytest.mark.parametrize(
    "body",
    [{}, {"channels": []}, {"channels": ["bogus"]}, {"channels": ["custom:"]}, {"channels": "values"},
     {"channels": ["values"], "since": -1}, {"channels": ["values"], "since": True},
     {"channels": ["values"], "since": 2**63}, {"channels": ["values"], "depth": 0.5},
     {"channels": ["values"], "namespaces": ["inner"]}, {"channels": ["values"] * 101}],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(thread: Thread, body: dict[str, Any]) -> None:
    answer = thread.http.post(f"{thread.path}/stream/events", json=body)
    assert answer.status_code == 422
    assert_problem(answer)


def test_nobody_follows(thread: Thread, graph_house: House) -> None:
    with nobody(graph_house) as http:
        answer = http.post(f"{thread.path}/stream/events", json={"channels": ["values"]})
    assert answer.status_code == 401
    assert_problem(answer)


def test_another_tenants_thread_of_the_same_id_is_another_thread(thread: Thread, dan: Person) -> None:
    theirs = thread.seen_by(dan)
    with theirs.events() as events:
        thread.start("nested", {"text": "secret"})
        thread.until("completed")
        run_id = theirs.start("nested", {"text": "mine"})["result"]["run_id"]
        seen = upto("completed", events)
    assert seen[0]["event_id"] == f"synth:{run_id}:1"
    assert "secret" not in str(seen).lower()

"""The WebSocket of `/threads/{id}/stream/events`: what SSE tells and `/commands` does, over one connection."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any, Protocol

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.launch import House
from tests.api.agent_protocol.streaming import ALL, Event, Thread, asked, upto
from tests.api.callers import colleague, program
from tests.api.person import Person


class Socket:
    """`events` are those that came before the latest answer."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.events: list[Event] = []
        self._ids = count(1)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        id_ = next(self._ids)
        self.connection.send(json.dumps({"id": id_, "method": method, "params": params}))
        return self.answer(id_)

    def answer(self, id_: int | None) -> dict[str, Any]:
        self.events = []
        while (message := self.receive())["type"] == "event":
            self.events.append(message)
        assert message["id"] == id_, message
        return message

    def subscribe(self, *channels: str, **wanted: Any) -> dict[str, Any]:
        answer = self.ask("subscription.subscribe", channels=channels or ALL, **wanted)
        result: dict[str, Any] = answer["result"]
        assert answer["meta"]["applied_through_seq"] >= 0
        return result

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(timeout=20))
        return message

    def upto(self, end: str) -> list[Event]:
        return upto(end, iter(self.receive, None))


class Open(Protocol):
    def __call__(self, thread: Thread, *subprotocols: str, query: str = "", **headers: str) -> Socket: ...


@pytest.fixture
def open_socket(graph_house: House) -> Iterator[Open]:
    """With the headers of the thread's client, unless others are given."""
    with ExitStack() as opened:

        def make(thread: Thread, *subprotocols: str, query: str = "", **headers: str) -> Socket:
            url = f"{graph_house.url.replace('http', 'ws')}{thread.path}/stream/events{query}"
            names = {"authorization", "x-api-key"} & set(thread.http.headers)
            own = {name: thread.http.headers[name] for name in names}
            connection = connect(
                url,
                additional_headers=headers or ({} if subprotocols else own),
                subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            )
            return Socket(opened.enter_context(connection))

        yield make


@pytest.fixture
def thread(bea: Person) -> Thread:
    return Thread(bea.http)


def test_a_run_is_started_and_followed_over_one_connection(thread: Thread, open_socket: Open) -> None:
    socket = open_socket(thread)
    assert socket.subscribe()["replayed_events"] == 0
    answer = socket.ask("run.start", assistant_id="approval", input={"item": "tea"})
    before = [*socket.events, *socket.upto("interrupted")]
    assert socket.ask("input.respond", **asked(before), response="yes")["type"] == "success"
    after = [*socket.events, *socket.upto("completed")]
    assert before[0]["event_id"] == f"synth:{answer['result']['run_id']}:1"
    with thread.events() as events:
        assert [*upto("interrupted", events), *upto("completed", events)] == before + after


def test_a_subscription_begins_after_any_event(thread: Thread, open_socket: Open) -> None:
    thread.start("nested", {"text": "hi"})
    whole = thread.until("completed")
    for since in range(len(whole)):
        socket = open_socket(thread)
        answer = socket.subscribe(since=since)
        assert socket.events == whole[since:]
        assert answer["replayed_events"] == len(whole) - since
        socket.connection.close()


def test_each_event_comes_once_however_many_subscriptions_take_it(thread: Thread, open_socket: Open) -> None:
    socket = open_socket(thread)
    first = socket.subscribe("values", "lifecycle")
    second = socket.subscribe("values")
    assert first["subscription_id"] != second["subscription_id"]
    thread.start("nested", {"text": "hi"})
    events = socket.upto("completed")
    assert len({event["seq"] for event in events}) == len(events)
    assert socket.ask("subscription.unsubscribe", **second)["type"] == "success"
    assert socket.ask("subscription.unsubscribe", **second)["error"] == "no_such_subscription"
    # A newcomer gets what it missed; nobody else gets it again.
    late = socket.subscribe("tasks")
    assert {event["method"] for event in socket.events} == {"tasks"}
    assert late["replayed_events"] == len(socket.events)
    thread.start("nested", {"text": "hi"})
    assert {event["method"] for event in socket.upto("completed")} == {"values", "lifecycle", "tasks"}


def test_without_a_subscription_nothing_comes(thread: Thread, open_socket: Open) -> None:
    socket = open_socket(thread)
    socket.ask("run.start", assistant_id="nested", input={"text": "hi"})
    thread.until("completed")
    assert socket.ask("agent.getTree")["result"]["tree"]["status"] == "completed"
    assert socket.events == []


def test_a_reconnection_says_what_it_has(thread: Thread, open_socket: Open) -> None:
    thread.start("nested", {"text": "hi"})
    whole = thread.until("completed")
    socket = open_socket(thread)
    assert socket.ask("subscription.reconnect", channels=ALL)["error"] == "invalid_argument"
    answer = socket.ask("subscription.reconnect", channels=ALL, since=whole[2]["seq"], subscription_id="mine")
    assert answer["result"] == {"subscription_id": "mine", "replayed_events": len(whole) - 3}
    assert socket.events == whole[3:]


def test_what_is_no_command_is_told_and_the_connection_stays(thread: Thread, open_socket: Open) -> None:
    socket = open_socket(thread)
    for bad in ("not json", "[]", b"\xff", '{"method": "agent.getTree"}', '{"id": "x", "method": "agent.getTree"}'):
        socket.connection.send(bad)
        assert socket.answer(None)["error"] == "invalid_argument"
    assert socket.ask("nope")["error"] == "unknown_command"
    assert socket.ask("subscription.subscribe", channels=["bogus"])["error"] == "invalid_argument"
    assert socket.ask("subscription.unsubscribe")["error"] == "no_such_subscription"
    socket.subscribe("lifecycle")


def test_subscriptions_and_messages_are_bounded(thread: Thread, open_socket: Open) -> None:
    socket = open_socket(thread)
    for _ in range(100):
        socket.subscribe("input")
    assert socket.ask("subscription.subscribe", channels=["input"])["error"] == "invalid_argument"
    socket.connection.send(json.dumps({"id": 1, "method": "run.start", "params": {"input": "x" * (1 << 20)}}))
    assert closed(socket) == 1009


def closed(socket: Socket) -> int:
    with pytest.raises(ConnectionClosed) as caught:
        socket.receive()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


def test_nobody_is_let_in(thread: Thread, open_socket: Open, graph_house: House) -> None:
    token = "a-token-in-the-address"
    for socket in (
        open_socket(thread, Authorization="Bearer nonsense"),
        open_socket(thread, "bearer", "nonsense"),
        open_socket(thread, Cookie="a=b"),
        open_socket(thread, Cookie="a=b", query=f"?token={token}"),
    ):
        assert closed(socket) == 4401
    assert token not in (graph_house.log_dir / "api.log").read_text()


def test_a_page_offers_its_token_as_a_subprotocol(
    thread: Thread, bea: Person, open_socket: Open, graph_house: House
) -> None:
    socket = open_socket(thread, "bearer", bea.tokens["access_token"])
    assert socket.connection.subprotocol == "bearer"
    socket.subscribe("lifecycle")
    with program(graph_house, bea) as http:
        key = http.headers["x-api-key"]
        open_socket(thread, "bearer", key).subscribe("lifecycle")
        open_socket(thread.seen_by(http)).subscribe("lifecycle")
    assert key not in (graph_house.log_dir / "api.log").read_text()


def test_a_key_that_is_withdrawn_commands_no_more(
    thread: Thread, bea: Person, open_socket: Open, graph_house: House
) -> None:
    with program(graph_house, bea) as http:
        socket = open_socket(thread.seen_by(http))
        socket.subscribe("lifecycle")
    (key,) = bea.http.get("/v1/api-keys").json()["items"]
    bea.http.delete(f"/v1/api-keys/{key['api_key_id']}").raise_for_status()
    refused = socket.ask("run.start", assistant_id="nested", input={"text": "hi"})
    assert refused["error"] == "permission_denied"
    assert thread.http.get(thread.path).status_code == 404


def test_others_hear_nothing_of_a_thread(
    thread: Thread, bea: Person, dan: Person, open_socket: Open, graph_house: House
) -> None:
    thread.start("nested", {"text": "secret"})
    thread.until("completed")
    with colleague(graph_house, bea) as bob:
        sockets = [open_socket(thread.seen_by(http)) for http in (bob, dan.http)]
        for socket in sockets:
            assert socket.subscribe()["replayed_events"] == 0
        end = thread.start("nested", {"text": "secret"})["meta"]["applied_through_seq"]
        thread.until("completed", since=end)
        for socket in sockets:
            assert socket.ask("agent.getTree")["error"] == "no_such_run"
            assert socket.subscribe(since=0)["replayed_events"] == 0
            assert socket.events == []

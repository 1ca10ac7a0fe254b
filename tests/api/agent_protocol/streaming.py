"""A thread as clients of the thread-centric generation see it: commands go in, events come out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from tests.api.person import Person

ALL = ["values", "updates", "checkpoints", "messages", "tools", "custom", "lifecycle", "input", "tasks"]

Event = dict[str, Any]


class Thread:
    """Its id is the client's own: it need not exist."""

    def __init__(self, http: httpx.Client, thread_id: str | None = None) -> None:
        self.thread_id = thread_id or str(uuid4())
        self.path = f"/threads/{self.thread_id}"
        self.http = http
        self._ids = count(1)

    def seen_by(self, http: httpx.Client | Person) -> "Thread":
        return Thread(http.http if isinstance(http, Person) else http, self.thread_id)

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        answer = self.http.post(
            f"{self.path}/commands", json={"id": next(self._ids), "method": method, "params": params}
        )
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def start(self, graph: str, input: Any, **params: Any) -> dict[str, Any]:
        return self.command("run.start", assistant_id=graph, input=input, **params)

    @contextmanager
    def events(
        self, *channels: str, headers: dict[str, str] | None = None, **wanted: Any
    ) -> Iterator[Iterator[Event]]:
        """As they come, from when the block begins; the stream does not end by itself."""
        body = {"channels": channels or ALL, **wanted}
        with self.http.stream("POST", f"{self.path}/stream/events", json=body, headers=headers or {}) as response:
            assert response.status_code == 200, response.read()
            yield _events(response.iter_lines())

    def until(self, end: str, *channels: str, **wanted: Any) -> list[Event]:
        """All of the first run, which has to end like this; `lifecycle` has to be among the channels."""
        with self.events(*channels, **wanted) as events:
            return upto(end, events)


def upto(end: str, events: Iterator[Event]) -> list[Event]:
    """All of the next run, which has to end like this."""
    taken: list[Event] = []
    for told in events:
        taken.append(told)
        if end_of(told):
            assert end_of(told) == end, told
            return taken
    raise AssertionError(f"the stream ended without {end}")


def end_of(told: Event) -> str | None:
    """How the root ends with this event, if it does."""
    params = told["params"]
    event = params["data"]["event"] if told["method"] == "lifecycle" and not params["namespace"] else None
    return event if event in ("completed", "failed", "interrupted") else None


def asked(events: list[Event]) -> Event:
    """The one interrupt that the events ask to be answered."""
    (request,) = (told for told in events if told["method"] == "input.requested")
    params: Event = request["params"]
    return {"interrupt_id": params["data"]["interrupt_id"], "namespace": params["namespace"]}


def _events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            event: Event = json.loads(fields["data"])
            assert (fields["event"], fields["id"]) == (event["method"], str(event["seq"]))
            fields = {}
            yield event

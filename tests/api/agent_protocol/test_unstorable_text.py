"""Text that Postgres cannot hold is refused wherever a body of the Agent Server protocol takes text."""

import json
from typing import Any

import pytest

from tests.api.person import Person
from tests.api.problems import assert_problem

NUL, HALF = "a\x00b", "a\ud800b"
RUN: dict[str, Any] = {"assistant_id": "agent", "input": {}}
CRON: dict[str, Any] = {"assistant_id": "agent", "schedule": "0 0 1 1 *"}
STATE: dict[str, Any] = {"values": {}}


def bodies(bad: str) -> list[tuple[str, dict[str, Any]]]:
    checkpoints: list[dict[str, Any]] = [
        {"checkpoint_id": bad},
        {"checkpoint_ns": bad},
        {"checkpoint_map": {"a": bad}},
    ]
    places: list[dict[str, Any]] = [{"checkpoint": each} for each in checkpoints] + [{"checkpoint_id": bad}]
    nodes: list[dict[str, Any]] = [{"interrupt_before": [bad]}, {"interrupt_after": [bad]}]
    earlier: list[dict[str, Any]] = [{"before": bad}, {"before": checkpoints[0]}, *places[:3]]
    said: list[dict[str, Any]] = [{"input": bad}, {"metadata": {bad: 1}}, {"context": {"a": bad}}]
    return [
        *(("runs", RUN | each) for each in [*nodes, *places, *said, {"command": {"goto": bad}}]),
        *(("runs/crons", CRON | each) for each in [*nodes, *said, {"config": {"tags": [bad]}}]),
        *(("state", STATE | each) for each in [*places, {"as_node": bad}, {"values": bad}]),
        *(("state/checkpoint", each) for each in places[:3]),
        *(("history", each) for each in earlier),
    ]


@pytest.mark.parametrize(("door", "body"), [case for bad in (NUL, HALF) for case in bodies(bad)])
def test_it_is_refused(ann: Person, door: str, body: dict[str, Any]) -> None:
    thread_id = ann.http.post("/threads", json={"metadata": {"graph_id": "agent"}}).json()["thread_id"]
    answer = ann.http.post(f"/threads/{thread_id}/{door}", content=json.dumps(body))
    assert answer.status_code == 422, answer.text
    assert_problem(answer)

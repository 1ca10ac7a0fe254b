import enum
import json
import math
from collections import deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langgraph.errors import GraphRecursionError
from langgraph.types import Interrupt, Send
from pydantic import BaseModel
from redis.exceptions import ConnectionError as RedisConnectionError

from agents import wire
from core.errors import NotFound


class Colour(enum.Enum):
    RED = "red"


class Model(BaseModel):
    when: datetime


@dataclass
class Point:
    x: int
    inner: Any = None


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"a": (1, 2)}, {"a": [1, 2]}),
        (Point(1), {"x": 1, "inner": None}),
        (Pair(1, {2}), {"left": 1, "right": [2]}),
        (frozenset([1]), [1]),
        (deque([1, 2]), [1, 2]),
        (b"\x00\xff", "AP8="),
        (Decimal("2"), 2),
        (Decimal("2.5"), 2.5),
        (Decimal("NaN"), None),
        (math.nan, None),
        (math.inf, None),
        (timedelta(seconds=90), 90.0),
        (Colour.RED, "red"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Model(when=datetime(2026, 1, 2, tzinfo=UTC)), {"when": "2026-01-02T00:00:00+00:00"}),
        (Interrupt("ready?", id="i"), {"value": "ready?", "id": "i", "response_schema": None}),
        (Send("node", {"a": 1}), {"node": "node", "args": {"a": 1}}),
        ({1: "a", None: "b", UUID(int=2): "c"}, {"1": "a", "null": "b", str(UUID(int=2)): "c"}),
        ({(1, 2): "a"}, {"(1, 2)": "a"}),
        (2**80, 2**80),
        ("half \ud800 a character", "half ? a character"),
        ({"half \udfff": ["\ud800"]}, {"half ?": ["?"]}),
        ("NUL \x00", "NUL \ufffd"),
        ("spelled out \\u0000", "spelled out \\u0000"),
        ("both \\\x00", "both \\\ufffd"),
        (object(), None),
        (Model, None),
    ],
)
def test_every_value_has_its_json(value: object, wanted: object) -> None:
    assert json.loads(wire.dumps(value)) == wanted


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("hi", id="1", tool_calls=[{"name": "t", "args": {"a": 1}, "id": "c", "type": "tool_call"}]),
        AIMessageChunk(
            content="he", id="1", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        ),
        AIMessageChunk(content="he", id="1") + AIMessageChunk(content="llo", id="1"),
        HumanMessage([{"type": "text", "text": "hi"}], name="ada"),
        HumanMessage("hi", something_else=1),
        ToolMessage("done", tool_call_id="c", artifact={"a": 1}),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_has_the_fields_of_its_model(message: BaseMessage) -> None:
    assert json.loads(wire.dumps(message)) == message.model_dump(mode="json")


def test_a_message_with_half_a_character_does_not_end_the_stream() -> None:
    assert json.loads(wire.dumps([AIMessage("half \ud800", id="1")]))[0]["content"] == "half ?"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_json_comes_back_as_it_was_in_one_line(value: Any) -> None:
    text = wire.dumps(value)
    assert "\n" not in text
    assert json.loads(text) == _without_nul(value)


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\x00", "\ufffd")
        case list():
            return [_without_nul(each) for each in value]
        case dict():
            return {_without_nul(key): _without_nul(each) for key, each in value.items()}
    return value


def test_an_error_of_ours_tells_its_code_and_detail() -> None:
    told = json.loads(wire.dumps(NotFound("thread")))
    assert told == {"error": "not_found", "message": NotFound("thread").detail}


@pytest.mark.parametrize("error", [ValueError("no such city"), GraphRecursionError("25 steps"), KeyError("city")])
def test_what_a_graphs_author_says_is_told(error: Exception) -> None:
    assert json.loads(wire.dumps(error)) == {"error": type(error).__name__, "message": str(error)}


SECRET = "postgres://atrium:hunter2@10.0.0.7"


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError(SECRET),
        RedisConnectionError(SECRET),
        httpx.ConnectError(SECRET),
        ConnectionRefusedError(SECRET),
        TimeoutError(SECRET),
        Exception(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_our_own_servers_say_is_not(error: Exception) -> None:
    run_id = uuid4()
    assert "hunter2" not in wire.dumps(error) + wire.told(error, run_id)
    assert json.loads(wire.dumps(error))["error"] == type(error).__name__


def test_an_error_that_is_not_told_names_the_run_to_quote() -> None:
    run_id = uuid4()
    assert str(run_id) in wire.told(Exception("anything"), run_id)

"""Arguments are checked against their schema, whatever both of them are, in little time."""

import time
from typing import Any

import pytest

from tools.arguments import checker, problems_of
from tools.schema_work import work


def doubling(levels: int) -> dict[str, Any]:
    """Each definition refers to the next one twice, in place."""
    definitions: dict[str, Any] = {
        f"a{level}": {"anyOf": [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$defs": {**definitions, f"a{levels}": {"type": "integer"}}, "properties": {"x": {"$ref": "#/$defs/a0"}}}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"x": value}
    return value


BRANCHING = {
    "$defs": {"t": {"anyOf": [{"properties": {"x": {"$ref": "#/$defs/t"}}, "required": ["y"]}] * 2}},
    "properties": {"x": {"$ref": "#/$defs/t"}},
}


def twice(reference: str) -> dict[str, Any]:
    return {"anyOf": [{"properties": {"x": {"$ref": reference}}, "required": ["y"]}] * 2}


DYNAMIC = {"$dynamicAnchor": "n", "properties": {"x": {"anyOf": [{"$dynamicRef": "#n"}] * 20}}, "required": ["y"]}
# Each of these is any of the others, on the very same value.
CIRCLES = {f"c{one}": {"anyOf": [{"$ref": f"#/$defs/c{other}"} for other in range(12)]} for one in range(12)}


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (doubling(40), {"x": "no integer"}),
        (BRANCHING, nested(30)),
        ({"properties": {"x": {"pattern": "^(a+)+$"}}}, {"x": "a" * 40 + "!"}),
        ({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "required": ["y"], "$ref": "#/$defs/a"}, {}),
        (DYNAMIC, nested(30)),
        ({"$defs": {"t": {"$anchor": "t", **twice("#t")}}, "properties": {"x": {"$ref": "#t"}}}, nested(30)),
        ({"$defs": {"a b": twice("#/$defs/a%20b")}, "properties": {"x": {"$ref": "#/$defs/a%20b"}}}, nested(30)),
        ({"$defs": {"t": {"$id": "t", **twice("#")}}, "properties": {"x": {"$ref": "#/$defs/t"}}}, nested(30)),
        ({"propertyNames": {"allOf": [{"pattern": f"^(a+)+{n}$"} for n in range(600)]}}, {"a" * 60 + "!": 1}),
        ({"$defs": CIRCLES, "properties": {"x": {"$ref": "#/$defs/c0"}}}, {"x": "no integer"}),
    ],
    ids=[
        "branches on branches",
        "branches at every depth",
        "a pattern that backtracks",
        "a circle",
        "dynamic references",
        "anchors",
        "escaped references",
        "inner schemas",
        "patterns of names",
        "many circles",
    ],
)
def test_what_would_take_for_ever_is_refused_at_once(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    begun = time.process_time()
    assert problems_of(schema, arguments)
    assert time.process_time() - begun < 1


def test_an_ordinary_schema_of_many_variants_is_checked() -> None:
    variants = [{"properties": {"kind": {"const": number}, "next": {"$ref": "#/$defs/v"}}} for number in range(20)]
    schema = {"$defs": {"v": {"oneOf": [{**each, "required": ["kind"]} for each in variants]}}, "$ref": "#/$defs/v"}
    assert problems_of(schema, {"kind": 3, "next": {"kind": 4, "next": {"kind": 5}}}) == []
    assert problems_of(schema, {"kind": 3, "next": {"kind": 40}})


def test_a_backslash_before_u0000_is_text_and_no_nul() -> None:
    assert problems_of({"properties": {"text": {"type": "string"}}}, {"text": "\\u0000"}) == []


def test_nothing_is_fetched_for_a_schema() -> None:
    with pytest.raises(ValueError, match="own parts"):
        checker({"$ref": "http://127.0.0.1:9/schema"})
    assert problems_of({"$ref": "http://127.0.0.1:9/schema"}, {"a": 1})


def test_work_counts_what_is_applied() -> None:
    assert work({"type": "object"}, {}, most=100) == 1
    assert work({"properties": {"a": {}, "b": {}}}, {"a": 1}, most=100) > 1
    assert work(doubling(3), {"x": 1}, most=100) > 2**3
    assert work(doubling(30), {"x": 1}, most=100) == 100


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"text": "a\x00b"}, "NUL"),
        ({"text": "\ud800"}, "half"),
        ({"text": "a" * 70_000}, "64 KB"),
        (nested(40), "levels deep"),
        ({"text": 3}, 'at `text`: 3 is not of type "string"'),
        ({"other": "a"}, "other"),
    ],
    ids=["nul", "surrogate", "long", "deep", "type", "unknown"],
)
def test_wrong_arguments_are_told_in_a_sentence(arguments: dict[str, Any], problem: str) -> None:
    schema = {"properties": {"text": {"type": "string"}, "x": {}}, "additionalProperties": False}
    assert any(problem in each for each in problems_of(schema, arguments))

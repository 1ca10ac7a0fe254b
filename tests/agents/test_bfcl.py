"""The functions of the Berkeley Function Calling Leaderboard as tools, and its expected calls as their arguments.

How its answers are written: https://github.com/ShishirPatil/gorilla/tree/main/berkeley-function-call-leaderboard,
each argument a list of values that are right, "" among them when it may be left out, and so inside of objects.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.arguments import problems_of
from tools.openapi.naming import clean
from tools.registry.drafts import check_name, checked_schema

FUNCTIONS = {
    "BFCL_v4_simple_python": 400,
    "BFCL_v4_multiple": 557,
    "BFCL_v4_irrelevance": 240,
    "unused_datasets/question/BFCL_v4_rest": 70,
}
ANSWERED = {"BFCL_v4_simple_python": 400, "BFCL_v4_multiple": 200}
LEFT_OUT = ""
WRONG: dict[str, Any] = {"string": 7, "integer": "7", "number": "7", "boolean": "true", "array": {}, "object": []}

# Values that the benchmark takes as right although its own schema does not.
INCONSISTENT = {
    ("simple_python_149", "company_names"): "one of two ways to write a list of strings is a list of lists",
    ("simple_python_307", "venue"): "true for a string",
    ("simple_python_358", "diet"): "spellings that the enum does not have",
    ("multiple_76", "material"): "an enum's value without its capital",
}

Expected = tuple[str, dict[str, Any], dict[str, list[Any]]]


@pytest.fixture
def folder(golden: Path) -> Path:
    return golden / "bfcl-v4-simple-multiple-irrelevance" / "bfcl_eval" / "data"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def expected(folder: Path, name: str) -> Iterator[Expected]:
    """Each call: the id of its question, its tool's parameters, and the values that are right."""
    answers = {answer["id"]: answer["ground_truth"] for answer in lines(folder / f"possible_answer/{name}.json")}
    for question in lines(folder / f"{name}.json"):
        tools = {function["name"]: checked_schema(function["parameters"]) for function in question["function"]}
        for call in answers[question["id"]]:
            for tool, arguments in call.items():
                yield question["id"], tools[tool], arguments


def first(schema: dict[str, Any], arguments: dict[str, list[Any]]) -> dict[str, Any]:
    """Of each argument the first value that is right, without those that may be left out."""
    given = {}
    for name, right in arguments.items():
        values = [value for value in right if value != LEFT_OUT]
        if values and (LEFT_OUT not in right or name in schema.get("required", ())):
            given[name] = plain(schema.get("properties", {}).get(name, {}), values[0])
    return given


def plain(schema: dict[str, Any], value: Any) -> Any:
    if schema.get("type") == "object" and isinstance(value, dict):
        return first(schema, value)
    if schema.get("type") == "array" and isinstance(value, list):
        return [plain(schema.get("items", {}), item) if isinstance(item, dict) else item for item in value]
    return value


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_registers_as_a_tool(folder: Path, name: str) -> None:
    functions = [function for question in lines(folder / f"{name}.json") for function in question["function"]]
    for function in functions:
        check_name(clean(function["name"]))
        assert checked_schema(function["parameters"])["additionalProperties"] is False
    assert len(functions) == FUNCTIONS[name]


@pytest.mark.parametrize("name", ANSWERED)
def test_every_expected_call_fits(folder: Path, name: str) -> None:
    calls = list(expected(folder, name))
    for id_, schema, arguments in calls:
        assert problems_of(schema, first(schema, arguments)) == [], id_
    assert len(calls) == ANSWERED[name]


@pytest.mark.parametrize(("name", "count"), [("BFCL_v4_simple_python", 1_425), ("BFCL_v4_multiple", 782)])
def test_every_value_that_is_right_fits_where_the_benchmark_agrees_with_itself(
    folder: Path, name: str, count: int
) -> None:
    fitting, refused = 0, set()
    for id_, schema, arguments in expected(folder, name):
        for argument, right in arguments.items():
            for value in right:
                if value == LEFT_OUT:
                    continue
                given = first(schema, arguments) | {argument: plain(schema["properties"][argument], value)}
                if problems_of(schema, given):
                    refused.add((id_, argument))
                else:
                    fitting += 1
    assert refused == {(id_, argument) for id_, argument in INCONSISTENT if name.endswith(id_.rpartition("_")[0])}
    assert fitting == count


@pytest.mark.parametrize(
    ("name", "counts"), [("BFCL_v4_simple_python", (400, 866, 971)), ("BFCL_v4_multiple", (200, 431, 475))]
)
def test_a_call_with_an_unknown_a_missing_or_a_wrong_argument_is_refused(
    folder: Path, name: str, counts: tuple[int, int, int]
) -> None:
    unknown = missing = wrong = 0
    for id_, schema, arguments in expected(folder, name):
        given = first(schema, arguments)
        assert problems_of(schema, given | {"never_heard_of": 1}), id_
        unknown += 1
        for required in schema.get("required", ()):
            assert problems_of(schema, {each: given[each] for each in given if each != required}), (id_, required)
            missing += 1
        for argument in given:
            if (type_ := schema["properties"][argument].get("type")) is not None:
                assert problems_of(schema, given | {argument: WRONG[type_]}), (id_, argument)
                wrong += 1
    assert (unknown, missing, wrong) == counts

"""A pin is the same for the same definition, and another for any other."""

from typing import Any

import mcp_types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.mcp.pins import Difference, Offered, canonical, difference, offered

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}


def pin(**definition: Any) -> bytes:
    made = offered(mcp_types.Tool(**{"name": "echo", "input_schema": SCHEMA} | definition))
    assert isinstance(made, Offered)
    return made.pin


def test_order_means_nothing() -> None:
    turned = {"properties": {"b": {"type": "integer"}, "a": {"type": "string"}}, "type": "object"}
    assert pin() == pin(input_schema=turned)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "echo2"},
        {"title": "Echo"},
        {"description": ""},
        {"description": "Echo"},
        {"input_schema": {**SCHEMA, "required": ["a"]}},
        {"output_schema": {"type": "object"}},
        {"annotations": mcp_types.ToolAnnotations(destructive_hint=False)},
    ],
)
def test_every_part_counts(change: dict[str, Any]) -> None:
    assert pin() != pin(**change)


def test_what_nobody_reads_does_not_count() -> None:
    assert pin() == pin(icons=[mcp_types.Icon(src="https://example.com/a.png")])


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES.filter(lambda value: value is not None), _VALUES.filter(lambda value: value is not None))
def test_two_definitions_never_look_the_same(one: Any, other: Any) -> None:
    same = canonical({"a": one}) == canonical({"a": other})
    assert same is (repr(_sorted(one)) == repr(_sorted(other)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return "object", [(name, _sorted(value[name])) for name in sorted(value)]
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def test_a_difference_names_every_tool_once() -> None:
    now = {"new": b"1", "same": b"2", "other": b"3"}
    then = {"same": b"2", "other": b"4", "gone": b"5"}
    assert difference(now, then) == Difference(("new",), ("other",), ("gone",), ("same",))

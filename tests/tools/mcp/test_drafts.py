"""From a server's definition to a tool for function calling: valid, readable, and never by chance the same name."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.arguments import checker, problems_of
from tools.credentials.schemes import Bearer
from tools.definitions import NAME_PATTERN, SideEffect
from tools.mcp.drafts import Draft, drafts_of
from tools.mcp.invocation import McpInvocation
from tools.mcp.offers import Offer
from tools.mcp.servers import Server

NOW = datetime.now(UTC)
SERVER = Server(uuid4(), "crm", "https://example.com/mcp", (Bearer(id="token", per_user=True),), None, NOW, NOW)
PIN = bytes(range(32))
OBJECT = {"type": "object"}


def offer(name: str = "echo", schema: Any = OBJECT, **more: Any) -> Offer:
    return Offer(name, {"name": name, "inputSchema": schema} | more, PIN, None, NOW)


def draft(*args: Any, **more: Any) -> Draft:
    (made,), skipped = drafts_of(SERVER, [offer(*args, **more)])
    assert not skipped
    return made


def reason(schema: Any) -> str:
    drafts, (skipped,) = drafts_of(SERVER, [offer("echo", schema)])
    assert not drafts
    return skipped.reason


def names(*tools: str, prefix: str | None = None) -> list[str]:
    return [made.name for made in drafts_of(SERVER, [offer(tool) for tool in tools], prefix=prefix)[0]]


def test_a_call_knows_its_server_its_tool_and_the_pin() -> None:
    invocation = McpInvocation.model_validate(draft("orders.list").invocation)
    assert (invocation.server, invocation.tool, invocation.pin) == ("crm", "orders.list", PIN.hex())
    assert invocation.security == SERVER.security


@pytest.mark.parametrize(
    ("annotations", "side_effect"),
    [
        (None, SideEffect.WRITE),
        ({}, SideEffect.WRITE),
        ({"readOnlyHint": True}, SideEffect.READ),
        ({"readOnlyHint": False}, SideEffect.WRITE),
        ({"readOnlyHint": "true"}, SideEffect.WRITE),
        ({"idempotentHint": True, "destructiveHint": False}, SideEffect.WRITE),
    ],
)
def test_a_tool_writes_unless_it_says_that_it_reads(annotations: Any, side_effect: SideEffect) -> None:
    assert draft(annotations=annotations).side_effect is side_effect


def test_names_are_what_function_calling_takes() -> None:
    assert names("echo", "orders.list", "ändern/löschen") == ["echo", "orders_list", "andern_loschen"]
    assert names("echo", prefix="crm") == ["crm_echo"]


def test_two_tools_never_become_one_name() -> None:
    one, other, third = names("a.b", "a b", "c")
    assert one != other
    assert (one[:4], other[:4], third) == ("a_b_", "a_b_", "c")
    assert names("a b", "c", "a.b") == [other, third, one]


@given(st.lists(st.text(min_size=1, max_size=200), unique=True, max_size=8), st.sampled_from([None, "crm", "x" * 60]))
def test_any_names_are_taken_and_stay_apart(tools: list[str], prefix: str | None) -> None:
    tools = [tool.encode("utf-8", "ignore").decode() or "?" for tool in tools]
    made = names(*dict.fromkeys(tools), prefix=prefix)
    assert len(set(made)) == len(dict.fromkeys(tools))
    assert all(re.fullmatch(NAME_PATTERN, name) for name in made)


def test_a_description_is_readable_and_bounded() -> None:
    assert draft(description="a\x1b[31mb\u202ec\U000e0041d\u200b\n").description == "a[31mbcd"
    assert draft(description="x" * 5000).description == "x" * 1023 + "…"
    assert draft(description="\x00 \u200b", title="Echo").description == "Echo"
    assert draft().description == "echo of the server crm."


@given(st.text(max_size=100))
def test_nothing_unseen_stays_in_a_description(text: str) -> None:
    for character in draft(description=text, title=text).description:
        assert character in "\n\t" or unicodedata.category(character)[0] != "C"


def test_descriptions_in_a_schema_are_readable_and_values_stay() -> None:
    schema = {
        "$schema": "http://127.0.0.1:1/meta",
        "$id": "http://127.0.0.1:1/",
        "type": "object",
        "properties": {
            "description": {"type": "string", "description": "a\u202eb", "enum": ["\u200b", "y"]},
            "color": {"$ref": "#/$defs/color"},
        },
        "$defs": {"color": {"title": "x" * 9000, "const": {"description": "\u200b"}}},
    }
    parameters = draft("echo", schema).parameters
    assert parameters["properties"]["description"] == {"type": "string", "description": "ab", "enum": ["\u200b", "y"]}
    assert parameters["$defs"]["color"]["const"] == {"description": "\u200b"}
    assert len(parameters["$defs"]["color"]["title"]) == 2000
    assert "$schema" not in parameters
    assert "$id" not in parameters
    assert not problems_of(parameters, {"description": "y"})


@pytest.mark.parametrize(
    ("schema", "because"),
    [
        (None, "of type object"),
        ([], "of type object"),
        ({"type": "string"}, "of type object"),
        ({"type": ["object", "null"]}, "of type object"),
        ({"type": "object", "properties": []}, "no JSON Schema"),
        ({"type": "object", "properties": {"a": {"type": "sting"}}}, "no JSON Schema"),
        ({"type": "object", "allOf": 7}, "no JSON Schema"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "no JSON Schema"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, "no JSON Schema"),
        ({"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/a"}}}, "another document"),
        ({"type": "object", "properties": {"a": {"$dynamicRef": "other.json"}}}, "another document"),
        ({"type": "object", "anyOf": [{"$ref": "file:///etc/passwd"}]}, "another document"),
    ],
)
def test_a_broken_schema_is_skipped_with_a_reason(schema: Any, because: str) -> None:
    assert because in reason(schema)


def test_a_combination_at_the_top_becomes_one_object() -> None:
    made = draft(
        "echo",
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "anyOf": [{"properties": {"a": False, "b": {"type": "integer"}}}, True],
            "not": {"required": ["c"]},
        },
    )
    assert made.parameters == {
        "type": "object",
        "properties": {"b": {"type": "integer"}, "a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": True,
    }
    assert made.notes == ("Left out of the top of its schema: anyOf, not.",)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "$ref", "$defs", "anyOf", "allOf", "items", "enum", "pattern", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["properties", "required", "anyOf", "oneOf", "$defs", "if", "x"]), _JSON))
def test_whatever_the_schema_it_is_skipped_or_valid(schema: dict[str, Any]) -> None:
    drafts, skipped = drafts_of(SERVER, [offer("echo", schema)])
    assert len(drafts) + len(skipped) == 1
    for made in drafts:
        checker(made.parameters)
        assert made.parameters["type"] == "object"
        assert not {"anyOf", "oneOf", "allOf", "if", "not", "enum"} & made.parameters.keys()

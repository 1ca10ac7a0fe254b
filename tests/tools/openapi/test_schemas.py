"""OpenAPI schemas as function calling takes them, without what means nothing to a model."""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import orjson
import pytest

from tests.tools.openapi.documents import body_schema, draft_of, reason_of
from tools.arguments import problems_of
from tools.openapi.document import Document
from tools.openapi.importing import tools_of
from tools.openapi.schemas import FREE


def body(schema: Any, schemas: Mapping[str, Any] | None = None, *, openapi: str = "3.1.0") -> Any:
    """As it is beneath the argument `body`."""
    parameters = body_schema(schema, schemas, openapi=openapi)
    assert jsonschema_rs.meta.is_valid(parameters)
    return parameters["properties"]["body"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": False}, {"type": "integer", "minimum": 1}),
        ({"type": "number", "exclusiveMaximum": 5}, {"type": "number", "exclusiveMaximum": 5}),
        ({"type": "string", "minLength": 1, "maxLength": 2.0}, {"type": "string", "minLength": 1, "maxLength": 2}),
        ({"type": "string", "const": "x"}, {"type": "string", "const": "x"}),
        ({"type": "array", "items": {"type": "string"}, "uniqueItems": True},
         {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        ({"type": "array", "prefixItems": [{"type": "string"}]},
         {"type": "array", "prefixItems": [{"type": "string"}], "items": {}}),
        ({"type": "object", "additionalProperties": {"type": "string"}},
         {"type": "object", "additionalProperties": {"type": "string"}}),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
         {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
          "additionalProperties": False}),
        ({"title": "Name", "type": "string"}, {"type": "string", "description": "Name"}),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    ],
)  # fmt: skip
def test_what_a_schema_demands_is_kept(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert body(given, openapi="3.0.3") == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "string", "example": "a", "examples": ["a"], "xml": {}, "x-order": 1, "deprecated": True,
          "externalDocs": {}, "$comment": "c", "writeOnly": True, "$schema": "s", "$id": "i"}, {"type": "string"}),
        ({"type": "strnig"}, {}),
        ({"type": "String"}, {"type": "string"}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "file"}, {"type": "string"}),
        ({"type": "string", "minimum": "1", "minLength": -1, "maxLength": "9"}, {"type": "string"}),
        ({"type": "number", "multipleOf": 0, "maximum": True}, {"type": "number"}),
        ({"type": "string", "pattern": "(["}, {"type": "string"}),
        ({"type": "string", "pattern": "/^a+$/i"}, {"type": "string", "pattern": "^a+$"}),
        ({"type": "string", "format": "int64"}, {"type": "string"}),
        ({"type": "string", "enum": [1, True, "a", "a"]}, {"type": "string", "enum": ["1", "true", "a"]}),
        ({"type": "integer", "enum": ["1", "2"]}, {"type": "integer"}),
        ({"type": "string", "enum": "abc"}, {"type": "string"}),
        ({"type": "string", "enum": [str(number) for number in range(100_000)]}, {"type": "string"}),
        ({"type": "object", "properties": {"a": {"type": "string", "required": True}}, "required": True},
         {"type": "object", "properties": {"a": {"type": "string"}}}),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b", "a", 3]},
         {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
        ({"type": "object", "properties": ["a"]}, {"type": "object"}),
        ({"type": "object", "properties": {"a": None, "b\u0000": {}}}, {"type": "object", "properties": {"a": {}}}),
        ({"type": "string", "description": "a\u0000b\u0007"}, {"type": "string", "description": "ab"}),
        ({"allOf": "none", "anyOf": {}, "items": []}, {"type": "array", "items": {}}),
        ("nonsense", {}),
        ({"type": "object", "default": {"a": [1]}}, {"type": "object"}),
    ],
)  # fmt: skip
def test_what_is_broken_or_means_nothing_is_dropped(given: Any, expected: dict[str, Any]) -> None:
    assert body(given) == expected


def test_what_only_responses_have_is_not_asked_for() -> None:
    schema = {"properties": {"id": {"readOnly": True}, "name": {"type": "string"}}, "required": ["id", "name"]}
    assert body(schema) == {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def test_references_become_definitions() -> None:
    parameters = body_schema(
        {"$ref": "#/components/schemas/Pet"}, {"Pet": {"properties": {"name": {"type": "string"}}}}
    )
    assert parameters == {
        "type": "object",
        "properties": {"body": {"$ref": "#/$defs/Pet"}},
        "required": ["body"],
        "additionalProperties": False,
        "$defs": {"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }


def test_recursive_references_stay_recursive() -> None:
    tree = {"properties": {"name": {"type": "string"}, "children": {"items": {"$ref": "#/components/schemas/Tree"}}}}
    parameters = body_schema({"$ref": "#/components/schemas/Tree"}, {"Tree": tree})
    assert [*parameters["$defs"]] == ["Tree"]
    leaf = {"name": "leaf"}
    assert (
        problems_of(parameters, {"body": {"name": "root", "children": [{"name": "branch", "children": [leaf]}]}})
        == []
    )
    assert problems_of(parameters, {"body": {"children": [{"children": [{"name": 1}]}]}})


@pytest.mark.parametrize(
    "reference",
    ["#/components/schemas/Vec%5B3%5D", "#/components/schemas/Vec[3]"],
)
def test_one_definition_has_one_name_however_its_reference_is_spelled(reference: str) -> None:
    schema = {"properties": {"a": {"$ref": reference}, "b": {"$ref": "#/components/schemas/Vec[3]"}}}
    parameters = body_schema(schema, {"Vec[3]": {"type": "string"}})
    assert len(parameters["$defs"]) == 1


def test_names_of_definitions_that_look_alike_are_told_apart() -> None:
    schema = {"properties": {"a": {"$ref": "#/components/schemas/A B"}, "b": {"$ref": "#/components/schemas/A.B"}}}
    parameters = body_schema(schema, {"A B": {"type": "string"}, "A.B": {"type": "integer"}})
    assert {each["type"] for each in parameters["$defs"].values()} == {"string", "integer"}


def test_references_into_other_places_and_through_references_are_followed() -> None:
    schema = {
        "properties": {
            "a": {"$ref": "#/components/schemas/Alias/properties/name"},
            "b": {"$ref": "#/paths/~1pets/post/requestBody/content/application~1json/schema/properties/c"},
            "c": {"type": "boolean"},
        }
    }
    named = {"Alias": {"$ref": "#/components/schemas/Pet"}, "Pet": {"properties": {"name": {"type": "string"}}}}
    parameters = body_schema(schema, named)
    assert sorted(each["type"] for each in parameters["$defs"].values()) == ["boolean", "string"]


def test_what_stands_beside_a_reference_is_kept() -> None:
    schema = {"$ref": "#/components/schemas/Pet", "description": "Yours."}
    assert body(schema, {"Pet": {}}) == {"$ref": "#/$defs/Pet", "description": "Yours."}
    wrapped = {"allOf": [{"$ref": "#/components/schemas/Pet"}], "description": "Yours.", "nullable": True}
    assert body(wrapped, {"Pet": {}}) == {
        "anyOf": [{"$ref": "#/$defs/Pet"}, {"type": "null"}],
        "description": "Yours.",
    }


def test_all_of_several_schemas_may_be_fulfilled_together() -> None:
    """Although each forbids other properties than its own, as careless documents do."""
    base = {"properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    inline = {"properties": {"b": {"type": "integer"}}, "additionalProperties": False}
    parameters = body_schema({"allOf": [{"$ref": "#/components/schemas/Base"}, inline]}, {"Base": base})
    assert problems_of(parameters, {"body": {"a": "x", "b": 1}}) == []
    assert problems_of(parameters, {"body": {"b": 1}})
    assert problems_of(parameters, {"body": {"a": "x", "b": "1"}})


def test_one_of_overlapping_schemas_is_enough() -> None:
    parameters = body_schema({"oneOf": [{"type": "integer"}, {"type": "number"}]})
    assert problems_of(parameters, {"body": 1}) == []
    assert problems_of(parameters, {"body": "1"})


def test_inheritance_in_a_circle_ends() -> None:
    """Cat is all of Pet, and Pet is one of its kinds: neither loses a property, and a validator comes to an end."""
    pet = {
        "properties": {"kind": {"type": "string"}},
        "required": ["kind"],
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "Cat", "dog": "Dog"}},
    }
    kinds = {
        name: {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"properties": {skill: {"type": "integer"}}}]}
        for name, skill in (("Cat", "purrs"), ("Dog", "barks"))
    }
    for start in ("Pet", "Cat"):
        parameters = body_schema({"$ref": f"#/components/schemas/{start}"}, {"Pet": pet, **kinds})
        assert problems_of(parameters, {"body": {"kind": "cat", "purrs": 3}}) == []
        assert problems_of(parameters, {"body": {"purrs": 3}})
    assert "`kind` says which: cat, dog." in parameters["$defs"]["Pet-part"]["description"]
    assert "oneOf" not in str(parameters)
    assert "anyOf" not in parameters["$defs"]["Pet-part"]


def test_circles_without_a_way_out_end_too() -> None:
    named: dict[str, Any] = {
        "Self": {"$ref": "#/components/schemas/Self"},
        "All": {"allOf": [{"$ref": "#/components/schemas/All"}, {"type": "object"}]},
        "Any": {"anyOf": [{"$ref": "#/components/schemas/Any"}, {"$ref": "#/components/schemas/Other"}]},
        "Other": {"anyOf": [{"$ref": "#/components/schemas/Any"}, {"type": "string"}]},
    }
    properties = {name: {"$ref": f"#/components/schemas/{name}"} for name in named}
    parameters = body_schema({"properties": properties}, named)
    assert problems_of(parameters, {"body": {name: {} for name in named}}) == []


@pytest.mark.timeout(20)
def test_alternatives_that_multiply_are_not_followed() -> None:
    """Every level doubles the ways to look at one value: a validator would take hours."""
    named: dict[str, Any] = {"L40": {"type": "object"}}
    for level in range(40):
        nearer = {"$ref": f"#/components/schemas/L{level + 1}"}
        named[f"L{level}"] = {"anyOf": [nearer, {"allOf": [nearer, {"type": "object"}]}]}
    parameters = body_schema({"$ref": "#/components/schemas/L0"}, named)
    assert {} in parameters["$defs"].values()
    assert problems_of(parameters, {"body": 1}) == []
    assert problems_of(body_schema({"$ref": "#/components/schemas/L35"}, named), {"body": 1})


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("https://example.com/pet.json", "another document, which is not fetched"),
        ("./pet.json#/Pet", "another document, which is not fetched"),
        ("Pet", "another document, which is not fetched"),
        ("#Pet", "anchor"),
        ("#/components/schemas/Missing", "does not have"),
        ("#/components/schemas/Pet/allOf/7", "does not have"),
    ],
)
def test_an_operation_that_needs_what_is_not_there_is_skipped(reference: str, reason: str) -> None:
    for schema in ({"$ref": reference}, {"properties": {"a": {"items": {"$ref": reference}}}}):
        content = {"application/json": {"schema": schema}}
        components: dict[str, Any] = {"schemas": {"Pet": {"allOf": []}}}
        assert reason in reason_of({"requestBody": {"content": content}}, method="post", components=components)


def test_what_is_too_long_loses_its_deepest_parts_and_says_so() -> None:
    strings = {f"p{n}": {"type": "string", "description": "d" * 300} for n in range(9)}
    leaf = {"type": "object", "properties": strings | {"more": {"type": "object", "properties": strings}}}
    branch = {"type": "object", "properties": {f"b{n}": leaf for n in range(9)}}
    root = {"type": "object", "properties": {f"r{n}": branch for n in range(9)}}
    operation = {"requestBody": {"content": {"application/json": {"schema": root}}}}
    draft = draft_of(operation, method="post")
    assert any("too long" in note for note in draft.notes)
    body = draft.parameters["properties"]["body"]
    assert [*body["properties"]] == [f"r{n}" for n in range(9)]
    assert FREE in str(body)
    assert len(orjson.dumps(draft.parameters)) < 32 * 1024


@pytest.mark.parametrize("width", [1, 30, 300])
def test_no_shape_of_a_schema_makes_a_tool_longer_than_allowed(width: int) -> None:
    leaves: dict[str, Any] = {f"p{n}": {"properties": {"a": {}, "b": {"items": {}}}} for n in range(width)}
    deep: dict[str, Any] = {"properties": leaves}
    for level in range(60):
        deep = {"properties": {f"l{level}": deep, "o": {"anyOf": [deep, {"allOf": [deep, deep]}]}}}
    references = {f"r{n}": {"$ref": f"#/components/schemas/D{n}"} for n in range(width)}
    schema = {"properties": references | leaves | {"deep": deep}}
    operation = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    components = {"schemas": {f"D{n}": deep for n in range(width)}}
    # As aliases of YAML make it: written out, it would not end.
    root = {"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "components": components}
    (draft,) = tools_of(Document(root | {"paths": {"/a": {"post": operation}}}, "Bomb", "1")).tools
    assert len(orjson.dumps(draft.parameters)) < 64 * 1024


def test_definitions_beyond_the_room_take_any_value() -> None:
    named = {
        f"D{n}": {
            "type": "object",
            "properties": {f"p{k}": {"type": "string", "description": "d" * 300} for k in range(20)}
            | {"next": {"$ref": f"#/components/schemas/D{n + 1}"}},
        }
        for n in range(30)
    } | {"D30": {"type": "string"}}
    parameters = body_schema({"$ref": "#/components/schemas/D0"}, named)
    assert parameters["$defs"]["D0"]["properties"]["p0"]["type"] == "string"
    free = [name for name, each in parameters["$defs"].items() if each == {"description": FREE}]
    assert len(free) == 1
    assert problems_of(parameters, {"body": {"p0": "x", "next": {"next": {}}}}) == []

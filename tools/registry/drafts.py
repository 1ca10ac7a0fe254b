"""What an admin wants to register, checked before anything is stored."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from core.errors import Invalid
from core.storable import depth_of, is_storable, is_storable_json
from tools.arguments import checker
from tools.builtin.kind import BUILTIN
from tools.calls import Kind
from tools.definitions import LONGEST_DESCRIPTION, NAME_PATTERN, KindName, SideEffect
from tools.registry.tools import Draft

MAX_SCHEMA_BYTES = 64 * 1024
MAX_DEPTH = 64

# What languages call the types of JSON, in schemas that people and benchmarks write.
_TYPES = {
    "dict": "object",
    "float": "number",
    "double": "number",
    "int": "integer",
    "long": "integer",
    "str": "string",
    "String": "string",
    "bool": "boolean",
    "Boolean": "boolean",
    "list": "array",
    "tuple": "array",
    "Array": "array",
    "ArrayList": "array",
    "HashMap": "object",
    "none": "null",
}

_REFERENCE = re.compile(r"#(/[^%#]*)?")
# Names of a schema for others to refer to it by, of which there are none.
_NAMES = ("$schema", "$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$comment")
# Keywords that hold values, not schemas.
_VALUES = ("enum", "const", "default", "examples")


def check_name(name: str) -> None:
    """Raises `Invalid` for what function calling does not take, and for the name of a built-in tool."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise Invalid("A tool's name has 1 to 64 letters, digits, `_` and `-`.", code="tool_name")
    if name in BUILTIN:
        raise Invalid(f"{name} is a built-in tool; choose another name.", code="tool_name")


def checked(
    kinds: Mapping[KindName, Kind],
    *,
    kind: KindName,
    description: str,
    parameters: dict[str, Any],
    side_effect: SideEffect,
    invocation: dict[str, Any],
) -> Draft:
    """Raises `Invalid`, which says what to change."""
    _check_json("parameters", parameters)
    _check_json("invocation", invocation)
    if not description.strip() or len(description) > LONGEST_DESCRIPTION or not is_storable(description):
        raise Invalid(f"`description` has 1 to {LONGEST_DESCRIPTION} characters; models choose tools by it.")
    parameters = checked_schema(parameters)
    return Draft(kind, description, parameters, side_effect, kinds[kind].checked(invocation, parameters))


def checked_schema(parameters: dict[str, Any]) -> dict[str, Any]:
    """A schema of type object that takes no other arguments than it names. Raises `Invalid`."""
    if len(orjson.dumps(parameters)) > MAX_SCHEMA_BYTES:
        raise Invalid(f"`parameters` is longer than {MAX_SCHEMA_BYTES // 1024} KB.", code="tool_schema")
    schema: dict[str, Any] = _with_json_types(parameters)
    if schema.setdefault("type", "object") != "object":
        raise Invalid("`parameters` must be a JSON Schema of type object.", code="tool_schema")
    schema.setdefault("properties", {})
    schema.setdefault("additionalProperties", False)
    if not all(map(_REFERENCE.fullmatch, _references(schema))):
        raise Invalid(
            "`parameters` may refer to its own parts only: write `$ref` as `#/$defs/…`.", code="tool_schema"
        )
    try:
        checker(schema)
    except ValueError as exc:
        raise Invalid(
            f"`parameters` is no JSON Schema: {str(exc).splitlines()[0][:300]}", code="tool_schema"
        ) from exc
    return schema


def _check_json(field: str, value: Any) -> None:
    """Before anything walks through it."""
    if not is_storable_json(value):
        raise Invalid(f"`{field}` holds a NUL, half a character, or a number of more than 64 bits.", code="tool_json")
    if depth_of(value, most=MAX_DEPTH) > MAX_DEPTH:
        raise Invalid(f"`{field}` is nested more than {MAX_DEPTH} levels deep.", code="tool_json")


def _with_json_types(schema: Any) -> Any:
    """A copy in which types have JSON's names; `any` is no type at all."""
    if isinstance(schema, list):
        return [_with_json_types(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copied = {
        name: value if name in _VALUES else _with_json_types(value)
        for name, value in schema.items()
        if name not in _NAMES or not isinstance(value, str)
    }
    if isinstance(named := copied.get("type"), str):
        if named in ("any", "Any"):
            del copied["type"]
        else:
            copied["type"] = _TYPES.get(named, named)
    return copied


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [found for each in schema for found in _references(each)]
    if not isinstance(schema, dict):
        return []
    own = [
        reference if keyword == "$ref" else "elsewhere"
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef")
        if isinstance(reference := schema.get(keyword), str)
    ]
    return own + [found for value in schema.values() for found in _references(value)]

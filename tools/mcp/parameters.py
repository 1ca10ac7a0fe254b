"""From a server's input schema to one that function calling takes, with nothing in it that cannot be seen."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from tools.arguments import checker

# What function calling takes no part of at the top.
_COMBINING = ("allOf", "anyOf", "oneOf", "not", "enum", "const", "if", "then", "else")
# Keywords that hold values, not schemas.
_VALUES = ("const", "default", "enum", "examples")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_LONGEST_TEXT = 2000  # characters of one description in a schema


class Unusable(ValueError):
    """Says why of a schema no parameters can be made."""


def parameters_of(schema: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A JSON Schema of type object, and what was changed on the way to it. Raises `Unusable`."""
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise Unusable("its input schema is not of type object")
    if any(not reference.startswith("#") for reference in _references(schema)):
        raise Unusable("its input schema refers to another document")
    seen = {"properties": {}, **_readable_schema(schema), "type": "object"}
    _check(seen)
    parameters, notes = _without_combinations(seen)
    if notes:
        _check(parameters)
    return parameters, notes


def readable(text: str) -> str:
    """Without control and format characters, in which a reader sees nothing and a model may read something."""
    return "".join(each for each in text if each in "\n\t" or unicodedata.category(each)[0] != "C").strip()


def _check(schema: dict[str, Any]) -> None:
    try:
        checker(schema)
    except ValueError as exc:
        raise Unusable("its input schema is no JSON Schema") from exc


def _without_combinations(schema: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The properties that its branches name are kept; which of them go together, the server checks itself."""
    combining = [name for name in _COMBINING if name in schema]
    if not combining:
        return schema, ()
    rest = {name: value for name, value in schema.items() if name not in combining}
    branches = [branch for name in ("oneOf", "anyOf", "allOf") for branch in schema.get(name, ())]
    for branch in branches:
        if isinstance(branch, dict):
            rest["properties"] = branch.get("properties", {}) | rest["properties"]
    rest.setdefault("additionalProperties", True)
    return rest, (f"Left out of the top of its schema: {', '.join(combining)}.",)


def _readable_schema(schema: Any) -> Any:
    """A copy without names of documents, which a validator might fetch."""
    if isinstance(schema, list):
        return [_readable_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copied: dict[str, Any] = {}
    for name, value in schema.items():
        if name in ("$schema", "$id", "$comment") and isinstance(value, str):
            continue
        if name in ("description", "title") and isinstance(value, str):
            value = readable(value)[:_LONGEST_TEXT]
        copied[name] = value if name in _VALUES else _readable_schema(value)
    return copied


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        for name, value in schema.items():
            if name in _REFERENCES and isinstance(value, str):
                yield value
            yield from _references(value)

"""How much work it is at most to check a value against a schema: branches on branches multiply it."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import jsonpointer

# They lead where it cannot be counted.
UNCOUNTED = ("$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "dependencies")
# A pattern may go back and forth, and a list of values is gone through.
_PATTERN_STEPS = 500
_VALUES_A_STEP = 20

# Applied to the very value that the schema itself is applied to; each is a schema, a list or an object of them.
_IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
_OF_PROPERTIES = ("additionalProperties", "unevaluatedProperties")
_OF_ITEMS = ("items", "contains", "unevaluatedItems")


def work(schema: Any, value: Any, *, most: int) -> int:
    """Subschemas applied when no branch is left early, counted no further than about `most`."""
    try:
        return _Work(schema, most).of(schema, value)
    except RecursionError:
        return most


class _Work:
    """What is known of a schema and a value is counted once, so that to count takes no longer than both are large."""

    def __init__(self, root: Any, most: int) -> None:
        self._root = root
        self._most = most
        self._known: dict[tuple[int, int], int] = {}

    def of(self, schema: Any, value: Any) -> int:
        if not isinstance(schema, Mapping):
            return 0
        if any(keyword in schema for keyword in UNCOUNTED):
            return self._most
        key = id(schema), id(value)
        if key not in self._known:
            # Whoever comes back to it on the same value goes in circles, of which there may be very many.
            self._known[key] = self._most
            total = _own(schema, value) + sum(self.of(child, value) for child in self._in_place(schema))
            total += sum(self.of(child, part) for child, part in _below(schema, value))
            self._known[key] = min(total, self._most)
        return self._known[key]

    def _in_place(self, schema: Mapping[str, Any]) -> Iterator[Any]:
        if isinstance(reference := schema.get("$ref"), str):
            yield self._resolved(reference)
        for name in _IN_PLACE:
            yield from _schemas(schema.get(name), one=name in ("not", "if", "then", "else"))

    def _resolved(self, reference: str) -> Any:
        """What cannot be found here may be found by whoever checks."""
        try:
            return jsonpointer.resolve_pointer(self._root, unquote(reference.removeprefix("#")))
        except jsonpointer.JsonPointerException:
            return _UNKNOWN


# Counted as too much.
_UNKNOWN = {UNCOUNTED[0]: ""}


def _own(schema: Mapping[str, Any], value: Any) -> int:
    """Steps of the keywords that apply no schema."""
    steps = 1 + _PATTERN_STEPS * ("pattern" in schema)
    for keyword in ("enum", "required"):
        if isinstance(values := schema.get(keyword), list):
            steps += len(values) // _VALUES_A_STEP
    patterns = schema.get("patternProperties")
    if isinstance(patterns, Mapping) and isinstance(value, dict):
        steps += _PATTERN_STEPS * len(patterns) * len(value)
    return steps


def _schemas(found: Any, *, one: bool) -> Iterator[Any]:
    if one:
        yield found
    elif isinstance(found, Mapping):
        yield from found.values()
    elif isinstance(found, list):
        yield from found


def _below(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[Any, Any]]:
    """Pairs of a schema and the part of the value that it is applied to."""
    if isinstance(value, dict):
        properties, patterns = schema.get("properties"), schema.get("patternProperties")
        for name, part in value.items():
            yield schema.get("propertyNames"), name
            if isinstance(properties, Mapping):
                yield properties.get(name), part
            if isinstance(patterns, Mapping):
                yield from ((each, part) for each in patterns.values())
            yield from ((schema.get(keyword), part) for keyword in _OF_PROPERTIES)
    elif isinstance(value, list):
        prefix = schema.get("prefixItems")
        if isinstance(prefix, list):
            yield from zip(prefix, value, strict=False)
        yield from ((schema.get(keyword), part) for part in value for keyword in _OF_ITEMS)

"""How much work it is at most to check a value against a schema: branches on branches multiply it."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import jsonpointer

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
        key = id(schema), id(value)
        if key not in self._known:
            # Whoever comes back to it on the same value goes in circles, of which there may be very many.
            self._known[key] = self._most
            total = 1 + sum(self.of(child, value) for child in self._in_place(schema))
            total += sum(self.of(child, part) for child, part in _below(schema, value))
            self._known[key] = min(total, self._most)
        return self._known[key]

    def _in_place(self, schema: Mapping[str, Any]) -> Iterator[Any]:
        if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#"):
            with suppress(jsonpointer.JsonPointerException):
                yield jsonpointer.resolve_pointer(self._root, reference[1:])
        for name in _IN_PLACE:
            yield from _schemas(schema.get(name), one=name in ("not", "if", "then", "else"))


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

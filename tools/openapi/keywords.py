"""What one schema says by itself, apart from the schemas inside it: only what is well-formed and means something."""

import re
from functools import lru_cache
from typing import Any

from tools.arguments import checker
from tools.openapi.text import shown

LONGEST_DESCRIPTION = 400
MAX_ENUM = 250
LONGEST_VALUE = 500  # characters of an enum's value, a default or a pattern

_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
# What careless documents write in their place.
_ALIASES = {
    "str": "string",
    "text": "string",
    "date": "string",
    "datetime": "string",
    "date-time": "string",
    "uuid": "string",
    "file": "string",
    "int": "integer",
    "int32": "integer",
    "int64": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "bool": "boolean",
    "dict": "object",
    "map": "object",
    "list": "array",
}
_DATES = frozenset({"date-time", "date", "time", "duration"})
_ADDRESSES = frozenset({"email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid"})
_FORMATS = _DATES | _ADDRESSES | {"byte", "binary", "password"}
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
# A pattern as JavaScript writes it, between slashes.
_SLASHED = re.compile(r"/(\^.*\$)/[a-z]*")


def own_keywords(raw: dict[str, Any]) -> dict[str, Any]:
    """`raw` without its sub-schemas, as JSON Schema 2020-12 that every validator and model takes."""
    schema: dict[str, Any] = {}
    types = types_of(raw)
    if types:
        schema["type"] = types[0] if len(types) == 1 else types
    description = shown(raw.get("description"), LONGEST_DESCRIPTION) or shown(raw.get("title"), LONGEST_DESCRIPTION)
    if sentence := _discriminated(raw.get("discriminator")):
        description = f"{description} {sentence}".strip()
    if description:
        schema["description"] = description
    schema |= _choices(raw, types) | _bounds(raw)
    if isinstance(raw.get("format"), str) and raw["format"] in _FORMATS:
        schema["format"] = raw["format"]
    if isinstance(raw.get("uniqueItems"), bool) and raw["uniqueItems"]:
        schema["uniqueItems"] = True
    if pattern := _pattern(raw.get("pattern")):
        schema["pattern"] = pattern
    if "default" in raw and _is_value(raw["default"]) and raw["default"] is not None:
        schema["default"] = raw["default"]
    return schema


def types_of(raw: dict[str, Any]) -> list[str]:
    """Also those that are only implied; "null" last, when `nullable` (3.0) says so. Empty means any."""
    given = raw.get("type")
    named = [name for name in given if isinstance(name, str)] if isinstance(given, list) else [given]
    types = [known for name in named if isinstance(name, str) and (known := _known(name))]
    if not types and given is None:
        if isinstance(raw.get("properties"), dict):
            types = ["object"]
        elif "items" in raw or "prefixItems" in raw:
            types = ["array"]
    types = list(dict.fromkeys(types))
    if types and raw.get("nullable") is True and "null" not in types:
        types.append("null")
    return types


def _known(name: str) -> str | None:
    lowered = name.strip().lower()
    return lowered if lowered in _TYPES else _ALIASES.get(lowered)


def _choices(raw: dict[str, Any], types: list[str]) -> dict[str, Any]:
    if "const" in raw and _is_value(raw["const"]):
        return {"const": raw["const"]}
    values = raw.get("enum")
    if not isinstance(values, list) or not 0 < len(values) <= MAX_ENUM or not all(map(_is_value, values)):
        return {}
    if types and not set(types) - {"string", "null"}:
        values = [value if value is None else _as_text(value) for value in values]
    if raw.get("nullable") is True:
        values = [*values, None]
    # Values that their own type forbids would leave nothing to choose.
    fitting = [value for value in values if not types or any(_is_of(value, name) for name in types)]
    unique = list({(type(value), value): value for value in fitting}.values())
    return {"enum": unique} if unique and unique != [None] else {}


def _bounds(raw: dict[str, Any]) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if _is_number(raw.get(bound)):
            # A boolean in 3.0, which makes the bound itself exclusive.
            bounds[exclusive if raw.get(exclusive) is True else bound] = raw[bound]
        if _is_number(raw.get(exclusive)):
            bounds[exclusive] = raw[exclusive]
    if _is_number(raw.get("multipleOf")) and raw["multipleOf"] > 0:
        bounds["multipleOf"] = raw["multipleOf"]
    for count in _COUNTS:
        if _is_number(raw.get(count)) and 0 <= raw[count] < 2**53 and raw[count] == int(raw[count]):
            bounds[count] = int(raw[count])
    return bounds


def _pattern(given: object) -> str | None:
    if not isinstance(given, str) or not 0 < len(given) <= LONGEST_VALUE or "\x00" in given:
        return None
    slashed = _SLASHED.fullmatch(given)
    pattern = slashed[1] if slashed else given
    return pattern if _compiles(pattern) else None


@lru_cache(maxsize=4_000)
def _compiles(pattern: str) -> bool:
    try:
        checker({"pattern": pattern})
    except ValueError:
        return False
    return True


def _discriminated(discriminator: object) -> str:
    if not isinstance(discriminator, dict):
        return ""
    name, mapping = discriminator.get("propertyName"), discriminator.get("mapping")
    if not isinstance(name, str) or not isinstance(mapping, dict) or not mapping:
        return ""
    return shown(f"`{name}` says which: {', '.join(list(mapping)[:30])}.", LONGEST_DESCRIPTION)


def _is_value(value: object) -> bool:
    """A short scalar."""
    if isinstance(value, str):
        return len(value) <= LONGEST_VALUE and "\x00" not in value
    return value is None or isinstance(value, bool) or _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_of(value: object, name: str) -> bool:
    match name:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            return _is_number(value) and float(value).is_integer()  # type: ignore[arg-type]
        case "number":
            return _is_number(value)
        case _:
            return False

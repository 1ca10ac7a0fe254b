"""Whether a call's arguments fit their tool's schema, in bounded time whatever both of them are."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

from core.storable import depth_of, is_storable_json
from tools.schema_work import work

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32

# A tenant's pattern must not keep the event loop busy.
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=10_000, size_limit=1024 * 1024)
# Microseconds each, to check and to explain, and at most some milliseconds in all.
_MOST_STEPS = 1_000_000
_MOST_EXPLAINED = 5_000
_MOST_SHOWN = 5
_LONGEST_SHOWN = 300


def problems_of(parameters: dict[str, Any], arguments: dict[str, Any]) -> list[str]:
    """What is wrong with `arguments`, in a few sentences; empty when they fit."""
    if not is_storable_json(arguments):
        return ["they hold a NUL character, or half of one"]
    if len(orjson.dumps(arguments)) > MAX_BYTES:
        return [f"they are longer than {MAX_BYTES // 1024} KB"]
    if depth_of(arguments, most=MAX_DEPTH) > MAX_DEPTH:
        return [f"they are nested more than {MAX_DEPTH} levels deep"]
    steps = work(parameters, arguments, most=_MOST_STEPS)
    if steps >= _MOST_STEPS:
        return ["they would take too long to check; nest them less"]
    validator = _validator(orjson.dumps(parameters))
    if validator.is_valid(arguments):
        return []
    if steps >= _MOST_EXPLAINED:
        return ["they do not fit the tool's schema"]
    return list(_said(validator, arguments))


def checker(parameters: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Raises `ValueError` for what is no schema, and for one that refers to anything outside of it."""
    return jsonschema_rs.Draft202012Validator(parameters, pattern_options=_PATTERNS, retriever=_fetch_nothing)


def _fetch_nothing(uri: str) -> Any:
    raise ValueError("a schema refers to its own parts only")


@lru_cache(maxsize=2_000)
def _validator(parameters: bytes) -> jsonschema_rs.Draft202012Validator:
    return checker(orjson.loads(parameters))


def _said(validator: jsonschema_rs.Draft202012Validator, arguments: dict[str, Any]) -> Iterator[str]:
    for number, error in enumerate(validator.iter_errors(arguments)):
        if number == _MOST_SHOWN:
            yield "and more"
            return
        place = "/".join(str(part) for part in error.instance_path)
        message = error.message[:_LONGEST_SHOWN]
        yield f"at `{place[:100]}`: {message}" if place else message

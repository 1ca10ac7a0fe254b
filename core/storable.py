"""What Postgres and UTF-8 can hold."""

import json
import re
from typing import Any

import orjson

# As JSON writes it; behind an even number of backslashes, which are text.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def is_storable(text: str) -> bool:
    """Whether it is free of NUL and of half characters (lone surrogates)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def is_storable_json(value: Any) -> bool:
    """Whether a JSON value is free of them at any depth, of NaN and infinity, and of integers beyond 64 bits."""
    try:
        # One of them refuses long integers and half characters, the other what is no number in JSON.
        written = orjson.dumps(value)
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return _NUL.search(written) is None


def depth_of(value: Any, *, most: int) -> int:
    """How many levels a JSON value is nested, counted no further than one beyond `most`."""
    depth, level = 0, [value]
    while level and depth <= most:
        depth += 1
        level = [child for each in level for child in _children(each)]
    return depth


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []

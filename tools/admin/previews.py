"""Schemas of many tools, shown in an answer that ends somewhere."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

MAX_BYTES = 4 * 1024 * 1024  # of all of them together


def within_reason(schemas: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any] | None]:
    """Each of them while there is room, then None."""
    room = MAX_BYTES
    for schema in schemas:
        room -= len(orjson.dumps(schema))
        yield schema if room >= 0 else None

"""What a server says about a tool, pinned by its hash: it cannot be changed behind an admin's back."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types

from core.storable import is_storable

LONGEST_NAME = 200  # characters
LARGEST_DEFINITION = 64 * 1024  # bytes of JSON

# As JSON escapes it; after an odd number of backslashes it is the text of an escape.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Offered:
    """`definition` is {"name", "title", "description", "inputSchema", "outputSchema", "annotations"}, what there is.

    `pin` is the SHA-256 of its canonical JSON.
    """

    tool: str
    definition: dict[str, Any] = field(repr=False)
    pin: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """A tool that is not taken up, and why, for an admin to read."""

    tool: str
    reason: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Names of tools, sorted. Those `added` or `changed` are held back until an admin accepts them."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]


def offered(tool: mcp_types.Tool) -> Offered | Skipped:
    """What is pinned is what models and admins read of a tool, and the shapes of what goes in and comes out."""
    shown = tool.name[:LONGEST_NAME]
    if not is_storable(shown):
        return Skipped(shown.encode("ascii", "replace").decode().replace("\x00", "?"), "its name cannot be stored")
    if not 0 < len(tool.name) <= LONGEST_NAME:
        return Skipped(shown, f"its name does not have 1 to {LONGEST_NAME} characters")
    pinned = {"name", "title", "description", "input_schema", "output_schema", "annotations"}
    definition = tool.model_dump(by_alias=True, exclude_none=True, include=pinned)
    try:
        written = canonical(definition)
    except (ValueError, RecursionError):
        return Skipped(shown, "its definition is no JSON that can be stored")
    if len(written) > LARGEST_DEFINITION:
        return Skipped(shown, f"its definition is longer than {LARGEST_DEFINITION // 1024} KB")
    if _NUL.search(written):
        return Skipped(shown, "its definition holds a NUL character")
    return Offered(tool.name, definition, hashlib.sha256(written).digest())


def canonical(definition: dict[str, Any]) -> bytes:
    """The same bytes for the same JSON: keys sorted, no spaces, UTF-8. Raises `ValueError` for NaN and the like."""
    return json.dumps(definition, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def difference(offered: Mapping[str, bytes], accepted: Mapping[str, bytes]) -> Difference:
    """From tools' names to pins: as the server offers them now, and as an admin accepted them."""
    both = offered.keys() & accepted.keys()
    return Difference(
        added=tuple(sorted(offered.keys() - accepted.keys())),
        changed=tuple(sorted(tool for tool in both if offered[tool] != accepted[tool])),
        removed=tuple(sorted(accepted.keys() - offered.keys())),
        unchanged=tuple(sorted(tool for tool in both if offered[tool] == accepted[tool])),
    )

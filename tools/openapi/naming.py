"""Names as function calling takes them, for operations and arguments; the originals are kept beside them."""

import hashlib
import re
from collections.abc import Iterable

LONGEST_NAME = 64

_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]+")


def clean(text: str, otherwise: str = "unnamed") -> str:
    """`text` if it is a name already; else what is closest to one, told apart by a digest when it is too long."""
    name = _FOREIGN.sub("_", text)
    if name != text:
        name = name.strip("_") or otherwise
    if len(name) <= LONGEST_NAME:
        return name or otherwise
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}_{digest}"


class Names:
    """Hands out each name once: a second `id` becomes `id_query` if asked for with "query", or else `id_2`."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}

    def take(self, text: str, suffix: str | None = None) -> str:
        name = clean(text)
        if name in self._taken and suffix:
            name = _with_suffix(name, suffix)
        base = name
        while name in self._taken:
            self._numbers[base] = self._numbers.get(base, 1) + 1
            name = _with_suffix(base, str(self._numbers[base]))
        self._taken.add(name)
        return name


def operation_name(operation_id: object, method: str, path: str, prefix: str | None) -> str:
    """The text that a tool is named after: its operationId, or its method and path."""
    given = operation_id if isinstance(operation_id, str) and _FOREIGN.sub("", operation_id) else None
    name = given or f"{method.lower()} {path}"
    return f"{prefix}_{name}" if prefix else name


def _with_suffix(name: str, suffix: str) -> str:
    return f"{name[: LONGEST_NAME - len(suffix) - 1]}_{suffix}"

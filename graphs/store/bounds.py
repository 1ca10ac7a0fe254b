"""What an item and a search may be: enough for memory, and nothing that Postgres cannot index or hold."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langgraph.store.base import get_text_at_path

from core.errors import Invalid
from core.storable import is_storable

# A namespace, a key and a field share one entry of a btree, which holds 2,704 bytes.
MAX_DEPTH = 16
MAX_NAMESPACE_BYTES = 1024
MAX_KEY_BYTES = 512
MAX_FIELD_BYTES = 128

MAX_VALUE_BYTES = 256 * 1024
MAX_TTL_MINUTES = 10 * 366 * 24 * 60

MAX_FIELDS = 16
MAX_TEXTS = 32
MAX_TEXT_CHARACTERS = 8_000

MAX_LIMIT = 1000
MAX_OFFSET = 2**31
MAX_FOUND_BYTES = 16 * 1024 * 1024

_WHOLE_ITEM = ("$",)
# A backslash that is itself escaped does not escape what follows it.
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def check_labels(labels: Sequence[str]) -> None:
    """Raises `Invalid` unless they can be (part of) a namespace."""
    if len(labels) > MAX_DEPTH:
        raise Invalid(f"A namespace has at most {MAX_DEPTH} labels.", code="invalid_namespace")
    for label in labels:
        if not isinstance(label, str) or not label or "." in label or not is_storable(label):
            raise Invalid(
                "A namespace label is text that is not empty and has no period, NUL character or lone surrogate.",
                code="invalid_namespace",
            )
    if sum(len(label.encode()) for label in labels) > MAX_NAMESPACE_BYTES:
        raise Invalid(
            f"A namespace's labels have at most {MAX_NAMESPACE_BYTES} bytes together.", code="invalid_namespace"
        )


def check_namespace(namespace: Sequence[str]) -> None:
    """Raises `Invalid` unless an item may be put there."""
    check_labels(namespace)
    if not namespace or namespace[0] == "langgraph":
        raise Invalid(
            'A namespace has at least one label, and the first is not "langgraph".', code="invalid_namespace"
        )


def check_key(key: str) -> None:
    if not isinstance(key, str) or not key or not is_storable(key) or len(key.encode()) > MAX_KEY_BYTES:
        raise Invalid(
            f"A key has 1 to {MAX_KEY_BYTES} bytes, without NUL characters or lone surrogates.", code="invalid_key"
        )


def check_ttl(minutes: float | None) -> None:
    if minutes is not None and not 0 < minutes <= MAX_TTL_MINUTES:
        raise Invalid(f"`ttl` is in minutes: more than 0, at most {MAX_TTL_MINUTES:,}.", code="invalid_ttl")


def check_page(limit: int, offset: int) -> None:
    if not (1 <= limit <= MAX_LIMIT and 0 <= offset <= MAX_OFFSET):
        raise Invalid(f"`limit` is from 1 to {MAX_LIMIT:,}, `offset` from 0 to {MAX_OFFSET:,}.")


def check_depth(max_depth: int | None) -> None:
    if max_depth is not None and not 1 <= max_depth <= MAX_DEPTH:
        raise Invalid(f"`max_depth` is from 1 to {MAX_DEPTH}.")


def json_text(value: Any) -> str:
    """`value` as Postgres can keep it, at most `MAX_VALUE_BYTES` in UTF-8; else raises `Invalid`."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as exc:
        raise Invalid("Send JSON: no NaN, no infinity, no lone surrogate, nothing nested too deeply.") from exc
    if size > MAX_VALUE_BYTES:
        raise Invalid(f"A value has at most {MAX_VALUE_BYTES:,} bytes as JSON; this has {size:,}.")
    if _ESCAPED_NUL.search(text):
        raise Invalid("A value must not contain NUL characters.")
    return text


def texts_to_embed(value: Mapping[str, Any], index: Literal[False] | Sequence[str] | None) -> dict[str, str]:
    """From each field (`path`, or `path.0`, `path.1`, … where a path finds several) to its text, cut to size."""
    if index is False:
        return {}
    texts: dict[str, str] = {}
    for path in _checked_paths(_WHOLE_ITEM if index is None else index):
        found = [text[:MAX_TEXT_CHARACTERS] for text in get_text_at_path(value, path) if text.strip()]
        texts |= {path: found[0]} if len(found) == 1 else {f"{path}.{n}": text for n, text in enumerate(found)}
        if len(texts) > MAX_TEXTS:
            raise Invalid(f"`index` finds more than {MAX_TEXTS} texts in the value; name fewer fields.")
    return texts


def _checked_paths(index: Sequence[str]) -> Sequence[str]:
    if isinstance(index, str) or len(index) > MAX_FIELDS:
        raise Invalid(f"`index` is false or a list of at most {MAX_FIELDS} fields.")
    for path in index:
        if not isinstance(path, str) or not is_storable(path) or len(path.encode()) > MAX_FIELD_BYTES:
            raise Invalid(f"A field in `index` has at most {MAX_FIELD_BYTES} bytes and no NUL character.")
    return index

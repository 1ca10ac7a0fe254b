"""Bytes, as uploaded or downloaded, to an OpenAPI document."""

import re
from typing import Any

import orjson

from core.errors import Invalid
from tools.openapi import yaml_values
from tools.openapi.document import Document
from tools.openapi.text import shown

MAX_BYTES = 24 * 1024 * 1024

_VERSION = re.compile(r"3\.[0-9]+(?:\.[0-9]+)?(?:-[0-9A-Za-z.]+)?")


def read_document(data: bytes, *, url: str | None = None) -> Document:
    """Takes CPU time in proportion to `data`, seconds for the largest: call it in a thread.

    Raises `Invalid` with the code `openapi_unreadable` for what is neither JSON nor YAML, and `openapi_version` for
    what is not OpenAPI 3.
    """
    if len(data) > MAX_BYTES:
        raise _unreadable(f"It has more than {MAX_BYTES // 2**20} MB.")
    root = _values(data)
    if not isinstance(root, dict):
        raise _unreadable("It is no object; it has to begin with `openapi`.")
    _check_version(root)
    info = root.get("info")
    info = info if isinstance(info, dict) else {}
    version = info.get("version")
    return Document(
        root,
        title=shown(info.get("title"), 200) or "Untitled",
        version=shown(str(version) if isinstance(version, int | float) else version, 100),
        url=url,
    )


def _values(data: bytes) -> Any:
    text = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        # YAML has JSON in it, with commas too many and other liberties.
        as_json = str(exc)
    try:
        return yaml_values.loads(text)
    except yaml_values.NotYaml as exc:
        looks_like_json = text.lstrip()[:1] in (b"{", b"[")
        raise _unreadable(f"As JSON: {as_json}." if looks_like_json else f"As YAML: {exc}") from exc


def _check_version(root: dict[str, Any]) -> None:
    if "swagger" in root and "openapi" not in root:
        raise Invalid(
            "This is Swagger 2.0. Convert it to OpenAPI 3, as swagger-converter does, and import the result.",
            code="openapi_version",
        )
    if not _VERSION.fullmatch(str(root.get("openapi")).strip()):
        raise Invalid("`openapi` must be 3.0, 3.1 or 3.2: this is no OpenAPI 3 document.", code="openapi_version")


def _unreadable(why: str) -> Invalid:
    return Invalid(f"This document cannot be read. {why[:300]}", code="openapi_unreadable")

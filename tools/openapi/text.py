"""Texts of a document as people and models are shown them."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def shown(text: object, longest: int) -> str:
    """Without control characters, cut to `longest` characters; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    # Cut first: descriptions of megabytes exist.
    cleaned = _CONTROL.sub("", text[: 2 * longest]).strip()
    return cleaned if len(cleaned) <= longest else cleaned[: longest - 1].rstrip() + "…"

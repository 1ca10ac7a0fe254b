"""A document's name from what a client calls its file."""

import unicodedata

from core.errors import Invalid

MAX_CHARACTERS = 255


def document_name(filename: str | None) -> str:
    """The last part of the path, without control characters; raises `Invalid` when nothing is left."""
    last = (filename or "").replace("\\", "/").rsplit("/", 1)[-1]
    # Controls and half characters go; format characters join scripts and stay.
    kept = "".join(mark for mark in last if unicodedata.category(mark) not in ("Cc", "Cs"))
    name = kept.strip()[:MAX_CHARACTERS]
    if name in ("", ".", ".."):
        raise Invalid("Give the file a name, such as handbook.pdf.", code="invalid_file_name")
    return name

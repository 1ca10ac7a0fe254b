"""A tenant's name made fit for a URL: `Müller & Sons` → `muller-sons`."""

import re
import secrets
import unicodedata
from collections.abc import Iterator

_LONGEST = 48


def candidates(name: str) -> Iterator[str]:
    """Slugs to try until one is free: the plain one, then ever new ones with a random ending."""
    plain = _plain(name)
    # One character is too short for a slug, and a name may have no Latin letter at all.
    if len(plain) > 1:
        yield plain
    while True:
        yield f"{plain or 'tenant'}-{secrets.token_hex(4)}"


def _plain(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower())[:_LONGEST].strip("-")

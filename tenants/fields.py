"""What people type about themselves, bounded and checked before anything else touches it."""

from core.errors import Invalid
from core.storable import is_storable

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024


def text(value: str, *, field: str, longest: int) -> str:
    """Without surrounding space; 1 to `longest` characters that Postgres can store. Raises `Invalid`."""
    # Before stripping: a megabyte of spaces costs nothing.
    if len(value) > longest:
        raise Invalid(f"`{field}` may have at most {longest} characters.")
    _refuse_unstorable(value, field)
    stripped = value.strip()
    if not stripped:
        raise Invalid(f"`{field}` is empty.")
    return stripped


def email_address(value: str) -> str:
    """In lower case: `Ann@Example.com` and `ann@example.com` are one person. Raises `Invalid`."""
    email = text(value, field="email", longest=320).lower()
    local, at, domain = email.rpartition("@")
    if not (local and at and domain) or "@" in local or len(email.split()) > 1 or len(email) > 320:
        raise Invalid("`email` is not an e-mail address; write it like ann@example.com.")
    return email


def new_password(value: str) -> str:
    """Raises `Invalid` for one that is too short to be safe, or that `password` refuses."""
    if len(value) < SHORTEST_PASSWORD:
        raise Invalid(f"`password` must have at least {SHORTEST_PASSWORD} characters.")
    return password(value)


def password(value: str) -> str:
    """Raises `Invalid` for one so long that hashing it would be an attack."""
    if len(value) > LONGEST_PASSWORD:
        raise Invalid(f"`password` may have at most {LONGEST_PASSWORD} characters.")
    _refuse_unstorable(value, "password")
    return value


def _refuse_unstorable(value: str, field: str) -> None:
    if not is_storable(value):
        raise Invalid(f"`{field}` contains a NUL character or half a character (a lone surrogate).")

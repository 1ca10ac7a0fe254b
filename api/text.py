"""Text from outside: bounded, and fit for Postgres and UTF-8, which know no NUL and no lone surrogate."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ValueError("must not contain lone surrogates") from exc
    return text


# It comes last: after another validator the constraints would count before they strip.
Storable = AfterValidator(storable)
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Storable]
Description = Annotated[str, StringConstraints(max_length=2000), Storable]

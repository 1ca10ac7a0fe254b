"""Text from outside: bounded, and fit for Postgres and UTF-8, which know no NUL and no lone surrogate."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from core.storable import is_storable


def storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("must not contain NUL characters or lone surrogates")
    return text


# It comes last: after another validator the constraints would count before they strip.
Storable = AfterValidator(storable)
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Storable]
Description = Annotated[str, StringConstraints(max_length=2000), Storable]

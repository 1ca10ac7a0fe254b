"""Pages by offset, told in headers."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, le=2**31)]


def say_where(response: Response, *, offset: int, shown: int, more: bool) -> None:
    """`X-Pagination-Total` is a lower bound while there is more: what is known without counting."""
    end = offset + shown
    response.headers["X-Pagination-Total"] = str(end + 1 if more else end)
    if more:
        response.headers["X-Pagination-Next"] = str(end)

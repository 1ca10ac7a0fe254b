"""Keyset paging: newest first, a cursor that names the last row seen."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from core.errors import Invalid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Position after a row: its creation time and its id, which breaks ties."""

    created_at: datetime
    row_id: UUID

    def encode(self) -> str:
        return base64.urlsafe_b64encode(f"{self.created_at.isoformat()}|{self.row_id}".encode()).decode()

    def parameters(self, limit: int) -> dict[str, Any]:
        """For `WHERE (created_at, id) < (%(created_at)s, %(row_id)s) … LIMIT %(limit)s`: one row more than shown."""
        return {"created_at": self.created_at, "row_id": self.row_id, "limit": limit + 1}

    @classmethod
    def decode(cls, text: str | None) -> "Cursor":
        """`None` is the start of the list. Raises `Invalid` for anything that `encode` did not write."""
        if text is None:
            return START
        try:
            created_at, row_id = base64.urlsafe_b64decode(text.encode()).decode().split("|")
            return cls(datetime.fromisoformat(created_at).astimezone(UTC), UUID(row_id))
        except (ValueError, OverflowError, binascii.Error) as exc:
            raise Invalid("Pass `cursor` as `next_cursor` of the page before.", code="invalid_cursor") from exc


START = Cursor(datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next_cursor` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None


def page(found: Sequence[T], limit: int, *, position: Callable[[T], Cursor]) -> Page[T]:
    """From up to `limit + 1` items: the one too many says only that there is another page."""
    shown = tuple(found[:limit])
    return Page(shown, position(shown[-1]).encode() if len(found) > limit else None)

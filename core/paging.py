"""Keyset paging: newest first, a cursor that names the last row seen."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
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


def page(rows: Sequence[tuple[Cursor, T]], limit: int) -> Page[T]:
    """From up to `limit + 1` rows: the row too many says only that there is another page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(tuple(item for _, item in shown), shown[-1][0].encode() if more else None)

"""An OpenAPI document as it was read, and why parts of it cannot be used."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Document:
    """`root` holds values of JSON only; `url` is where it was read from, which relative server URLs refer to."""

    root: dict[str, Any] = field(repr=False)
    title: str
    version: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operation that becomes no tool; `reason` is a sentence for the admin."""

    method: str
    path: str
    reason: str

    @property
    def operation(self) -> str:
        return f"{self.method} {self.path}"


class Unusable(Exception):
    """Skips one operation, never the document."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

"""What a tool is: a frozen definition. An edit makes a new version, and the old one stays as it was."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

# What OpenAI-style function calling takes as a function's name.
NAME_PATTERN = r"^[a-zA-Z0-9_-]{1,64}$"
LONGEST_DESCRIPTION = 1024  # characters, of which function calling takes no more

KindName = Literal["builtin", "http", "openapi", "mcp"]


class SideEffect(StrEnum):
    """What a call changes in the world. Only `write` may not be repeated."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Tool:
    """One version of a tool.

    `parameters` is a JSON Schema (2020-12) of type object; `invocation` is what the tool's kind calls it with, as
    JSON; `source` is the import or the server that it came from, with which it shares credentials.
    """

    name: str
    version: int
    kind: KindName
    description: str
    parameters: dict[str, Any]
    side_effect: SideEffect
    invocation: dict[str, Any] = field(repr=False)
    source: str | None = None

    @property
    def credential_owner(self) -> str:
        """Under which name the vault keeps what it is called with."""
        return f"source:{self.source}" if self.source else f"tool:{self.name}"

"""What a tool of an MCP server is called with."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import Invalid
from tools.credentials.schemes import Scheme
from tools.definitions import NAME_PATTERN
from tools.mcp.pins import LONGEST_NAME


class McpInvocation(BaseModel):
    """`tool` is its name on the server; `pin` is the hash, in hex, of the definition that this version was made of.

    `security` says what has to be connected before a call; the call itself uses what the server's row says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str = Field(pattern=NAME_PATTERN)
    tool: str = Field(min_length=1, max_length=LONGEST_NAME)
    pin: str = Field(pattern=r"^[0-9a-f]{64}$")
    security: Annotated[tuple[Scheme, ...], Field(max_length=10)] = ()


def checked(invocation: dict[str, Any]) -> dict[str, Any]:
    """With its defaults filled in. Raises `Invalid`, without quoting a value."""
    try:
        return McpInvocation.model_validate(invocation).model_dump(mode="json")
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in error["loc"])
        raise Invalid(f"The invocation's {place or 'form'}: {error['msg']}.", code="invalid_invocation") from exc

"""Picks what matters out of a JSON answer: by JSON Pointer (RFC 6901) or JMESPath."""

import asyncio
from typing import Annotated, Any, Literal

import orjson
from jsonpointer import JsonPointer, JsonPointerException
from pydantic import BaseModel, ConfigDict, Field, field_validator

from tools.calls import ToolFailed
from tools.http import jmespath_search

NO_MATCH = "No match: the answer has nothing where this tool looks."

Expression = Annotated[str, Field(max_length=1000)]


class JsonPointerSelection(BaseModel):
    """`expression` like /data/0/name; "" is the whole answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["json_pointer"]
    expression: Expression

    @field_validator("expression")
    @classmethod
    def _compiles(cls, expression: str) -> str:
        try:
            JsonPointer(expression)
        except JsonPointerException as exc:
            raise ValueError("is no JSON Pointer; write it like /data/0/name") from exc
        return expression

    def found(self, document: Any) -> Any:
        """None when nothing is there."""
        try:
            return JsonPointer(self.expression).resolve(document)
        except JsonPointerException:
            return None


class JmesPathSelection(BaseModel):
    """`expression` like items[].name, see https://jmespath.org/specification.html."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["jmespath"]
    expression: Expression

    @field_validator("expression")
    @classmethod
    def _compiles(cls, expression: str) -> str:
        try:
            jmespath_search.check(expression)
        except ValueError as exc:
            raise ValueError("is no JMESPath expression; write it like items[].name") from exc
        return expression

    def found(self, document: Any) -> Any:
        """None when nothing is there. Raises `ToolFailed` when the expression does not fit, or asks for too much."""
        try:
            return jmespath_search.search(self.expression, document)
        except jmespath_search.TooMuch as exc:
            raise ToolFailed("To select from this answer takes too long or gives too much.") from exc
        except ValueError as exc:
            raise ToolFailed("The answer does not have the types that this tool's selection expects.") from exc


Selection = Annotated[JsonPointerSelection | JmesPathSelection, Field(discriminator="type")]


async def selected(selection: JsonPointerSelection | JmesPathSelection, body: bytes) -> str:
    """A string as it is, anything else as compact JSON. Raises `ToolFailed` when `body` is not JSON."""
    # An expression is a tenant's and a body anybody's: neither may hold up the event loop.
    return await asyncio.to_thread(_selected, selection, body)


def _selected(selection: JsonPointerSelection | JmesPathSelection, body: bytes) -> str:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise ToolFailed("The answer is not JSON, so nothing can be selected from it.") from exc
    found = selection.found(document)
    if found is None:
        return NO_MATCH
    if isinstance(found, str):
        return found
    try:
        return orjson.dumps(found).decode()
    except (orjson.JSONEncodeError, TypeError) as exc:
        raise ToolFailed("What is selected from the answer cannot be written as JSON.") from exc

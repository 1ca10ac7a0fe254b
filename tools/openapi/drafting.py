"""One operation as the draft of a tool."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from core.storable import is_storable
from tools.definitions import LONGEST_DESCRIPTION, SideEffect
from tools.openapi.arguments import parameters_of
from tools.openapi.bodies import ARGUMENT, body_of
from tools.openapi.document import Document, Unusable
from tools.openapi.invocation import OpenApiInvocation, variables_of
from tools.openapi.naming import Names
from tools.openapi.operations import Operation
from tools.openapi.parameters import taken
from tools.openapi.references import References
from tools.openapi.requests import READS
from tools.openapi.schemas import Schemas
from tools.openapi.security import Security
from tools.openapi.servers import server_of
from tools.openapi.text import shown

# Of CPU, for a whole document: what is shared inside of it may have to be read for each operation anew.
MAX_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Draft:
    """A tool to be. `operation` names it across versions of its document, `notes` say what it leaves out."""

    operation: str
    name: str
    description: str
    parameters: dict[str, Any] = field(repr=False)
    side_effect: SideEffect
    invocation: dict[str, Any] = field(repr=False)
    notes: tuple[str, ...] = ()


class Drafting:
    """For all operations of one document; `server` stands in the place of those it names."""

    def __init__(self, document: Document, references: References, security: Security, server: str | None) -> None:
        self._document = document
        self._references = references
        self._security = security
        self._server = server
        self._schemas = Schemas(references)
        self._until = time.thread_time() + MAX_SECONDS

    def draft(self, operation: Operation, name: str) -> Draft:
        """Raises `Unusable`."""
        if self._schemas.is_exhausted or time.thread_time() > self._until:
            raise Unusable("What comes before it takes too much: include fewer operations.")
        path = _path_of(operation)
        server = self._server or server_of(operation, self._document)
        schemes, notes = self._security.of(operation)
        body = body_of(operation, self._references)
        names = Names({ARGUMENT} if body else ())
        took = taken(operation, path, names, schemes, self._references)
        arguments = [*took.arguments, body[1]] if body else took.arguments
        parameters, shortened = parameters_of(arguments, self._schemas)
        try:
            invocation = OpenApiInvocation.model_validate(
                {
                    "operation": operation.key,
                    "method": operation.method,
                    "server": server,
                    "path": path,
                    "parameters": took.parameters,
                    "body": body[0] if body else None,
                    "security": schemes,
                }
            )
        except ValidationError as exc:
            raise Unusable(f"It cannot be called: {exc.errors()[0]['msg'][:300]}.") from exc
        return Draft(
            operation.key,
            name,
            _description(operation),
            parameters,
            SideEffect.READ if operation.method in READS else SideEffect.WRITE,
            invocation.model_dump(mode="json"),
            tuple(dict.fromkeys([*notes, *took.notes, *_on_body(operation, body is None), *shortened])),
        )


def _path_of(operation: Operation) -> str:
    """Some documents tell operations on one path apart by a fragment, which is never sent."""
    path = operation.path.partition("#")[0]
    if not is_storable(operation.path) or len(operation.path) > 2000:
        raise Unusable("Its path is too long, or holds a NUL character.")
    if any("/" in variable or "?" in variable for variable in variables_of(path)):
        raise Unusable("Its path has a variable that spans several segments.")
    return path if path.startswith("/") else f"/{path}"


def _description(operation: Operation) -> str:
    summary = shown(operation.raw.get("summary"), LONGEST_DESCRIPTION).rstrip(".")
    details = shown(operation.raw.get("description"), LONGEST_DESCRIPTION)
    both = f"{summary}. {details}" if summary and not details.startswith(summary) else details
    deprecated = "Deprecated. " if operation.raw.get("deprecated") is True else ""
    return shown(deprecated + (both.strip() or operation.key), LONGEST_DESCRIPTION)


def _on_body(operation: Operation, missing: bool) -> Iterator[str]:
    if missing and operation.raw.get("requestBody"):
        yield "Its body is left out: it has no media type that a model can write."

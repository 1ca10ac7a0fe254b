"""The arguments of one tool as one schema, with the definitions that they need beside them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.openapi.definition import Definition
from tools.openapi.document import Unusable
from tools.openapi.schemas import FREE, Schemas

MAX_BYTES = 32 * 1024  # about 8,000 tokens, which a model reads with every step
MAX_ARGUMENTS = 128

SHORTENED = "Its schema is too long: its deepest parts take any value."


@dataclass(frozen=True, slots=True)
class Argument:
    """`schema` is as the document has it; `name` is what function calling takes."""

    name: str
    schema: Any = field(repr=False)
    required: bool
    description: str


def parameters_of(arguments: Sequence[Argument], schemas: Schemas) -> tuple[dict[str, Any], list[str]]:
    """A JSON Schema of type object, and notes on what it leaves out. Raises `Unusable`."""
    if len(arguments) > MAX_ARGUMENTS:
        raise Unusable(f"It has more than {MAX_ARGUMENTS} arguments.")
    converted = schemas.converted(
        {"type": "object", "properties": {argument.name: _raw(argument) for argument in arguments}}
    )
    if converted.broken:
        raise Unusable(converted.broken)
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": converted.schema.get("properties", {}),
        "required": [argument.name for argument in arguments if argument.required],
        "additionalProperties": False,
    }
    definitions, shortened = _definitions(converted.needs, MAX_BYTES - converted.size, schemas)
    if definitions:
        parameters["$defs"] = definitions
    return parameters, [SHORTENED] if shortened or converted.shortened else []


def _raw(argument: Argument) -> dict[str, Any]:
    schema = argument.schema if isinstance(argument.schema, dict) else {}
    # An argument is asked for, whatever its schema says about responses.
    kept = {name: value for name, value in schema.items() if name != "readOnly"}
    return kept | {"description": argument.description} if argument.description else kept


def _definitions(needs: Sequence[Definition], room: int, schemas: Schemas) -> tuple[dict[str, Any], bool]:
    """Breadth first; those for which no room is left take any value."""
    definitions: dict[str, Any] = {}
    shortened = False
    waiting = deque(needs)
    while waiting:
        needed = waiting.popleft()
        if needed.name in definitions:
            continue
        converted = schemas.definition(needed)
        if converted.broken:
            raise Unusable(converted.broken)
        cost = converted.size + len(needed.name) + 5
        if cost > room:
            definitions[needed.name] = {"description": FREE}
            shortened = True
            continue
        definitions[needed.name] = converted.schema
        shortened = shortened or converted.shortened
        room -= cost
        waiting.extend(converted.needs)
    return definitions, shortened

"""The parameters of an operation: what the model is asked for, and where each of them goes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from tools.credentials.schemes import ApiKey, Scheme
from tools.openapi.arguments import Argument
from tools.openapi.document import Unusable
from tools.openapi.invocation import FRAMING_HEADERS, Location, Parameter, Style, variables_of
from tools.openapi.naming import Names
from tools.openapi.operations import Operation
from tools.openapi.references import References
from tools.openapi.text import shown

LONGEST_DESCRIPTION = 400
MAX_PARAMETERS = 500

_DEFAULT_STYLES: dict[str, Style] = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
# OpenAPI says to ignore the first three, and every write has its idempotency key.
_OURS = frozenset({"accept", "content-type", "authorization", "idempotency-key"}) | FRAMING_HEADERS
# Swagger 2.0 wrote these beside the name, and documents that were converted by hand still do.
_SCHEMA_KEYWORDS = (
    "type",
    "format",
    "enum",
    "items",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
)


@dataclass(frozen=True, slots=True)
class Taken:
    """Each argument with the parameter it becomes; `notes` on what the document has and the tool has not."""

    arguments: tuple[Argument, ...]
    parameters: tuple[Parameter, ...]
    notes: tuple[str, ...]


def taken(operation: Operation, path: str, names: Names, schemes: Sequence[Scheme], references: References) -> Taken:
    """`path` is the template to fill; what `schemes` put on the request is no argument. Raises `Unusable`."""
    arguments: list[Argument] = []
    parameters: list[Parameter] = []
    notes: list[str] = []
    variables = variables_of(path)
    declared = _declared(operation, references, notes)
    for variable in variables:
        declared.setdefault(("path", variable), {"name": variable, "in": "path", "schema": {"type": "string"}})
    for (location, name), raw in declared.items():
        if refusal := _left_out(location, name, schemes, variables):
            notes.append(refusal)
            continue
        required = location == "path" or raw.get("required") is True
        try:
            parameter, schema = _parameter(location, name, raw, names, references)
        except Unusable as exc:
            if required:
                raise
            notes.append(f"{name} is left out: {exc.reason}")
            continue
        parameters.append(parameter)
        description = shown(raw.get("description"), LONGEST_DESCRIPTION)
        arguments.append(Argument(parameter.argument, schema, required, description))
    return Taken(tuple(arguments), tuple(parameters), tuple(notes))


def _declared(
    operation: Operation, references: References, notes: list[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """By location and name; the operation's own in the place of its path's."""
    declared: dict[tuple[str, str], dict[str, Any]] = {}
    for given in _lists(operation):
        raw = references.followed(given)
        if not isinstance(raw, dict) or not isinstance(raw.get("name"), str) or not raw["name"]:
            notes.append("A parameter without a name is left out.")
            continue
        location = str(raw.get("in")).lower()
        if location not in get_args(Location):
            if raw.get("required") is True:
                raise Unusable(f"Its parameter {raw['name'][:100]} is in {location[:50]}, which OpenAPI 3 has not.")
            notes.append(f"{raw['name'][:100]} is left out: OpenAPI 3 has no parameters in {location[:50]}.")
            continue
        declared[location, raw["name"]] = raw
    return declared


def _lists(operation: Operation) -> Iterator[Any]:
    for owner in (operation.item, operation.raw):
        given = owner.get("parameters")
        if isinstance(given, list):
            if len(given) > MAX_PARAMETERS:
                raise Unusable(f"It has more than {MAX_PARAMETERS} parameters.")
            yield from given


def _left_out(location: str, name: str, schemes: Sequence[Scheme], variables: Sequence[str]) -> str | None:
    lowered = name.lower()
    if location == "path" and name not in variables:
        return f"{name[:100]} is left out: its path has no such variable."
    if location == "header" and lowered in _OURS:
        return f"The header {name[:100]} is left out: it is set with the request."
    for scheme in schemes:
        if isinstance(scheme, ApiKey) and scheme.location == location and scheme.name.lower() == lowered:
            return f"{name[:100]} is left out: it is the credential {scheme.id}."
    return None


def _parameter(
    location: str, name: str, raw: dict[str, Any], names: Names, references: References
) -> tuple[Parameter, Any]:
    style = raw.get("style", _DEFAULT_STYLES[location])
    explode = raw.get("explode", style in ("form", "deepObject"))
    schema, json_value = _schema(raw, references)
    try:
        parameter = Parameter(
            argument=names.take(name, location),
            name=name,
            location=location,
            style=style,
            explode=explode is True,
            allow_reserved=raw.get("allowReserved") is True,
            json_value=json_value,
        )
    except ValidationError as exc:
        message = exc.errors()[0]["msg"].removeprefix("Value error, ")
        raise Unusable(f"its parameter {name[:100]!r} cannot be sent: {message[:200]}.") from exc
    return parameter, schema


def _schema(raw: dict[str, Any], references: References) -> tuple[Any, bool]:
    """Its schema, and whether its value is written as JSON, as `content` may say."""
    content = raw.get("content")
    if isinstance(content, dict) and content and "schema" not in raw:
        media_type, media = next(iter(content.items()))
        media = references.followed(media)
        return media.get("schema") if isinstance(media, dict) else None, "json" in media_type
    if "schema" in raw:
        return raw["schema"], False
    return {keyword: raw[keyword] for keyword in _SCHEMA_KEYWORDS if keyword in raw}, False

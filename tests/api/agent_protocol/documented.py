"""An OpenAPI document as a flat set of promises, so that two documents can be subtracted."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

METHODS = ("get", "put", "post", "delete", "patch")

Schema = Mapping[str, Any]


def promises(document: Schema) -> set[str]:
    """`GET /x/{}`, `GET /x/{} query limit`, `POST /x request.config.tags`, `POST /x response[].id`, `… error.detail`.

    Path parameters have no name. Responses of all 2xx statuses are one, all others are its `error`.
    """
    return {
        promise
        for path, operations in document["paths"].items()
        for method in METHODS
        if method in operations
        for promise in _of_operation(document, f"{method.upper()} {unnamed(path)}", operations[method])
    }


def unnamed(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def covered(promise: str, allowed: Iterable[str]) -> bool:
    """Whether it is one of `allowed` or a part of it."""
    return any(re.match(re.escape(unnamed(each)) + r"($|[ .\[])", promise) for each in allowed)


def _of_operation(document: Schema, name: str, operation: Schema) -> Iterator[str]:
    yield name
    for parameter in operation.get("parameters", []):
        if parameter["in"] != "path":
            yield f"{name} {parameter['in']} {parameter['name'].lower()}"
    for field in _json_fields(document, operation.get("requestBody", {})):
        yield f"{name} request{field}"
    for status, response in operation.get("responses", {}).items():
        part = "response" if status.startswith("2") else "error"
        for field in _json_fields(document, response):
            yield f"{name} {part}{field}"


def _json_fields(document: Schema, message: Schema) -> Iterator[str]:
    for media_type, content in message.get("content", {}).items():
        if media_type.endswith("json"):
            yield from _fields(document, content.get("schema", {}), frozenset())


def _fields(document: Schema, schema: Any, seen: frozenset[str]) -> Iterator[str]:
    """`.name` of each property, however deep; `[]` stands for the items of a list. A schema within itself ends it."""
    if not isinstance(schema, Mapping):
        return
    if (reference := schema.get("$ref")) is not None:
        if reference not in seen:
            yield from _fields(document, _resolved(document, reference), seen | {reference})
        return
    for alternative in [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]:
        yield from _fields(document, alternative, seen)
    for name, property_schema in schema.get("properties", {}).items():
        yield f".{name}"
        for field in _fields(document, property_schema, seen):
            yield f".{name}{field}"
    for field in _fields(document, schema.get("items"), seen):
        yield f"[]{field}"


def _resolved(document: Schema, reference: str) -> Any:
    place: Any = document
    for step in reference.removeprefix("#/").split("/"):
        place = place[step.replace("~1", "/").replace("~0", "~")]
    return place

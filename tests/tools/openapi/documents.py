"""Small documents, and what becomes of their only operation."""

from collections.abc import Mapping
from typing import Any

import orjson

from tools.openapi.document import Document
from tools.openapi.drafting import Draft
from tools.openapi.importing import Import, read_document, tools_of
from tools.openapi.invocation import OpenApiInvocation
from tools.openapi.requests import request_of
from tools.request import HttpRequest

SERVER = "https://api.example.com/v1"


def document(paths: dict[str, Any], *, openapi: str = "3.1.0", url: str | None = None, **root: Any) -> Document:
    """With one server, unless `root` says otherwise."""
    values = {"openapi": openapi, "info": {"title": "Pets", "version": "1"}, "servers": [{"url": SERVER}]}
    return read_document(orjson.dumps(values | root | {"paths": paths}), url=url)


def imported(operation: Any, *, path: str = "/pets", method: str = "get", **root: Any) -> Import:
    return tools_of(document({path: {method: operation}}, **root))


def draft_of(operation: dict[str, Any], *, path: str = "/pets", method: str = "get", **root: Any) -> Draft:
    found = imported(operation, path=path, method=method, **root)
    assert not found.skipped, found.skipped
    (draft,) = found.tools
    return draft


def reason_of(operation: Any, *, path: str = "/pets", method: str = "get", **root: Any) -> str:
    found = imported(operation, path=path, method=method, **root)
    assert not found.tools
    (skipped,) = found.skipped
    return skipped.reason


def request(draft: Draft, **arguments: Any) -> HttpRequest:
    return request_of(OpenApiInvocation.model_validate(draft.invocation), arguments, "key-1")


def sent(raw: dict[str, Any], value: Any, path: str = "/pets") -> HttpRequest:
    """The request of an operation whose only parameter is `raw`."""
    draft = draft_of({"parameters": [raw]}, path=path)
    (argument,) = draft.parameters["properties"]
    return request(draft, **{argument: value})


def body_schema(schema: Any, schemas: Mapping[str, Any] | None = None, *, openapi: str = "3.1.0") -> dict[str, Any]:
    """The parameters of an operation whose JSON body is `schema`; `schemas` are the document's components."""
    operation = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
    return draft_of(operation, method="post", openapi=openapi, components={"schemas": schemas or {}}).parameters

"""Documents that want to cost too much, and honest ones that are merely huge."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import yaml  # type: ignore[import-untyped]

from tools.openapi import drafting, schemas
from tools.openapi.importing import Import, read_document, tools_of

# Of a machine several times slower than the one that took the times in the comments below.
SECONDS = 5.0


@contextmanager
def within(seconds: float = SECONDS) -> Iterator[None]:
    """CPU time: other tests run beside this one."""
    start = time.thread_time()
    yield
    assert time.thread_time() - start < seconds


def opened(root: dict[str, Any], dumped: Callable[[Any], bytes] = orjson.dumps) -> Import:
    values = {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "servers": [{"url": "https://a.example"}]}
    data = dumped(values | root)
    with within():
        return tools_of(read_document(data))


def posted(schema: Any) -> dict[str, Any]:
    return {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def big(operations: int) -> dict[str, Any]:
    """As generators write them: long texts, many parameters, models that refer to each other, many answers."""
    models = {
        f"Model{n}": {
            "type": "object",
            "description": "A model. " * 10,
            "required": ["id"],
            "properties": {
                f"field{k}": {"type": "string", "description": "What this field is about. " * 3, "example": "x"}
                for k in range(12)
            }
            | {"id": {"type": "integer", "format": "int64", "readOnly": True}}
            | {f"ref{k}": reference(f"Model{(n * 7 + k * 13) % operations}") for k in range(4)}
            | {"many": {"type": "array", "items": reference(f"Model{(n + 1) % operations}")}},
        }
        for n in range(operations)
    }
    answer = {"application/json": {"schema": reference("Model0"), "example": {"a": "x" * 300}}}
    paths = {
        f"/resources/{{id}}/things{n}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "put": {
                "operationId": f"things/update{n}",
                "summary": "Updates a thing.",
                "description": "It does so at length. " * 20,
                "parameters": [
                    {
                        "name": f"filter[{k}]",
                        "in": "query",
                        "description": "Filters. " * 5,
                        "schema": {"type": "string"},
                    }
                    for k in range(6)
                ],
                "requestBody": {"content": {"application/json": {"schema": reference(f"Model{n}")}}},
                "responses": {str(code): {"description": "d", "content": answer} for code in (200, 400, 404, 500)},
            },
        }
        for n in range(operations)
    }
    return {"paths": paths, "components": {"schemas": models}}


@pytest.mark.parametrize(("operations", "megabytes"), [(190, 1), (1_900, 10)])
def test_a_huge_document_is_imported_in_seconds(operations: int, megabytes: int) -> None:
    root = big(operations)
    assert megabytes * 0.9e6 < len(orjson.dumps(root)) < megabytes * 1.2e6
    # 0.1 s for 1 MB, 1.0 s for 10 MB.
    found = opened(root)
    assert len(found.tools) == operations
    assert all(len(orjson.dumps(tool.parameters)) < 64 * 1024 for tool in found.tools)


def test_a_megabyte_of_yaml_is_imported_in_seconds() -> None:
    found = opened(big(190), lambda root: yaml.dump(root, Dumper=yaml.CSafeDumper).encode())  # 0.3 s
    assert len(found.tools) == 190


def test_a_hundred_thousand_operations_are_counted() -> None:
    found = opened({"paths": {f"/p{n}": {"get": {}} for n in range(100_000)}})
    assert len(found.tools) + len(found.skipped) == 100_000
    assert len(found.tools) == 20_000


def test_aliases_that_multiply_stay_small() -> None:
    lines = ["openapi: 3.0.0", "servers: [{url: https://a.example}]", "x0: &x0 {type: string, enum: [a, b]}"]
    for n in range(1, 40):
        properties = ", ".join(f"p{k}: *x{n - 1}" for k in range(9))
        lines.append(f"x{n}: &x{n} {{type: object, default: *x{n - 1}, properties: {{{properties}}}}}")
    lines.append("paths:")
    body = "{content: {application/json: {schema: *x39}}}"
    lines += [f"  /p{n}: {{post: {{requestBody: {body}}}}}" for n in range(300)]
    with within():
        found = tools_of(read_document("\n".join(lines).encode()))
    assert len(found.tools) == 300
    assert all(len(orjson.dumps(tool.parameters)) < 64 * 1024 for tool in found.tools)


@pytest.mark.parametrize("keyword", ["properties", "items", "allOf", "anyOf", "oneOf", "additionalProperties"])
def test_schemas_nested_as_deep_as_json_goes(keyword: str) -> None:
    schema: Any = {"type": "string"}
    for _ in range(200):
        inner = {"a": schema} if keyword == "properties" else [schema, schema][:1] if "Of" in keyword else schema
        schema = {keyword: inner}
    found = opened({"paths": {"/a": posted(schema)}}, _nested)
    assert len(found.tools) == 1
    orjson.dumps(found.tools[0].parameters)


def _nested(value: Any) -> bytes:
    """`orjson` writes fewer levels than it reads."""
    return json.dumps(value).encode()


def test_references_that_multiply_or_go_round_end() -> None:
    width = 12
    dense: dict[str, Any] = {
        f"S{n}": {"anyOf": [reference(f"S{(n + k) % width}") for k in range(1, width)], "allOf": [reference(f"S{n}")]}
        for n in range(width)
    }
    chain = {f"C{n}": {"allOf": [reference(f"C{n + 1}")] * 2} for n in range(5_000)} | {"C5000": {"type": "string"}}
    loops = {"A": {"$ref": "#/components/parameters/B"}, "B": {"$ref": "#/components/parameters/A"}}
    paths = {
        "/s": posted(reference("S0")),
        "/c": posted(reference("C0")),
        "/p": {"get": {"parameters": [{"$ref": "#/components/parameters/A"}]}},
    }
    through = {"$ref": "#/components/schemas/T/properties/x"}
    paths["/t"] = posted(reference("T/properties/y"))
    found = opened({"paths": paths, "components": {"schemas": dense | chain | {"T": through}, "parameters": loops}})
    assert [tool.operation for tool in found.tools] == ["POST /s", "POST /c"]
    assert [skipped.reason for skipped in found.skipped] == ["It has a `$ref` that leads in a circle."] * 2


def test_huge_lists_and_texts_are_cut() -> None:
    schema = {
        "type": "object",
        "description": "d" * 1_000_000,
        "required": [f"p{n}" for n in range(50_000)],
        "properties": {f"p{n}": {"type": "string", "pattern": "(a*)*" * 25} for n in range(50_000)},
        "oneOf": [{"type": "object"}] * 50_000,
        "enum": [{"a": "x" * 1_000}] * 1_000,
        "discriminator": {"propertyName": "p", "mapping": {f"m{n}": "x" for n in range(50_000)}},
    }
    found = opened({"paths": {"/a": posted(schema)}})
    assert len(orjson.dumps(found.tools[0].parameters)) < 64 * 1024


def test_many_parameters_skip_the_operation() -> None:
    parameters = [{"name": f"p{n}", "in": "query", "schema": {}} for n in range(501)]
    paths = {"/a": {"get": {"parameters": parameters}}, "/b": {"get": {"parameters": parameters[:129]}}}
    reasons = [skipped.reason for skipped in opened({"paths": paths}).skipped]
    assert reasons == ["It has more than 500 parameters.", "It has more than 128 arguments."]


def test_what_describes_too_much_in_all_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its operations share one list of parameters, which is written once."""
    monkeypatch.setattr(schemas, "MAX_TOTAL_BYTES", 1024 * 1024)
    shared = [{"name": f"p{n}", "in": "query", "description": "d" * 300, "schema": {}} for n in range(100)]
    lines = ["openapi: 3.0.0", "servers: [{url: https://a.example}]", f"x: &x {json.dumps(shared)}", "paths:"]
    lines += [f"  /p{n}: {{get: {{parameters: *x}}}}" for n in range(1_000)]
    found = tools_of(read_document("\n".join(lines).encode()))
    assert 0 < len(found.tools) < 200
    assert len(found.tools) + len(found.skipped) == 1_000
    assert "takes too much" in found.skipped[-1].reason


def test_what_is_shared_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operation has the same body, of megabytes."""
    monkeypatch.setattr(drafting, "MAX_SECONDS", 0.5)
    schema = {"type": "object", "required": [f"p{n}" for n in range(200_000)]}
    bodies = {"B": {"content": {"application/json": {"schema": schema}}}}
    paths = {f"/p{n}": {"post": {"requestBody": {"$ref": "#/components/requestBodies/B"}}} for n in range(10_000)}
    found = opened({"paths": paths, "components": {"requestBodies": bodies}})
    assert len(found.tools) + len(found.skipped) == 10_000
    assert "takes too much" in found.skipped[-1].reason

"""What the registry adds to a tool call, what 500 tools take to list and bind, and a large document to import."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import orjson

from bench.report import Measurement, percentile
from bench.stores import Home, add_home, open_database
from core.cache import Cache
from core.embedded import EmbeddedServers
from core.settings import Settings
from graphs.nodes.respond import as_function
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.retriever import Retriever
from tenants import vault_keys
from tools.admin import registering
from tools.calling.journaled import Journal
from tools.calling.pipeline import pipeline
from tools.calling.rested import tool_breakers
from tools.calls import Answer, Call, Caller
from tools.definitions import SideEffect
from tools.openapi.importing import tools_of
from tools.openapi.reading import read_document
from tools.registry import grants, policies
from tools.registry.policies import Policy
from tools.toolbox import Toolbox, open_toolbox

TOOLS = 500
CALL_TARGET_MS = 5
BINDING_TARGET_MS = 20
IMPORT_TARGET_MS = 5000
DOCUMENT_BYTES = 1024 * 1024

PARAMETERS = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "description": "what is looked for"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["query"],
}
UNHURRIED = Policy(calls_per_minute=100_000)


def run(servers: EmbeddedServers, *, quick: bool) -> list[Measurement]:
    return [*asyncio.run(_registry(servers, quick=quick)), _import(rounds=1 if quick else 5)]


class Instant:
    """A kind of tool whose call takes no time."""

    def checked(self, invocation: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        return invocation

    async def preview(self, call: Call) -> dict[str, Any]:
        return {}

    async def call(self, call: Call) -> Answer:
        return Answer("done", received_bytes=4)


@dataclass(frozen=True, slots=True)
class Bench:
    toolbox: Toolbox
    caller: Caller
    calls: Journal


async def _registry(servers: EmbeddedServers, *, quick: bool) -> list[Measurement]:
    rounds, repeats = (1, 100) if quick else (5, 400)
    async with _bench(servers) as bench:
        calls = [[await _call_ms(bench) for _ in range(repeats)] for _ in range(rounds)]
        bindings = [[await _binding_ms(bench) for _ in range(20)] for _ in range(rounds)]
    return [
        Measurement("tool call, added by the registry p50", percentile(calls, 50), "ms", rounds),
        Measurement("tool call, added by the registry p95", percentile(calls, 95), "ms", rounds, CALL_TARGET_MS),
        Measurement(f"{TOOLS} tools listed and bound p50", percentile(bindings, 50), "ms", rounds, BINDING_TARGET_MS),
        Measurement(f"{TOOLS} tools listed and bound p95", percentile(bindings, 95), "ms", rounds),
    ]


@asynccontextmanager
async def _bench(servers: EmbeddedServers) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        vault_keys.load_or_create(folder / "vault-keys")
        database = await opened.enter_async_context(open_database(servers))
        cache = await opened.enter_async_context(Cache(servers.redis_url))
        retriever = Retriever(database, LocalEmbeddings())
        settings = Settings(data_dir=folder)
        toolbox = await opened.enter_async_context(open_toolbox(settings, database, cache, retriever))
        home = await add_home(database)
        await _register(toolbox, home)
        caller = Caller(home.ctx, run_id=uuid4(), thread_id=uuid4(), assistant_id=uuid4())
        calls = Journal(database, pipeline(cache, {"http": Instant()}, tool_breakers()))
        yield Bench(toolbox, caller, calls)


async def _register(toolbox: Toolbox, home: Home) -> None:
    for number in range(TOOLS):
        name = f"tool_{number}"
        await registering.create(
            toolbox,
            home.ctx,
            name,
            kind="http",
            description=f"Looks things up in catalogue {number}.",
            parameters=PARAMETERS,
            side_effect=SideEffect.READ,
            invocation={"method": "GET", "url": f"https://example.com/{number}"},
        )
        async with toolbox.database.tenant_transaction(home.ctx) as connection:
            await grants.add(connection, home.ctx, name, effect="allow")
            await policies.put(connection, home.ctx, name, UNHURRIED)


async def _call_ms(bench: Bench) -> float:
    begun = time.perf_counter()
    result = await bench.calls.call(bench.caller, str(uuid4()), "tool_7", {"query": "lamps", "limit": 5}, None)
    assert result.outcome == "succeeded", result
    return (time.perf_counter() - begun) * 1000


async def _binding_ms(bench: Bench) -> float:
    begun = time.perf_counter()
    offered = await bench.toolbox.offered(bench.caller, None)
    bound = [as_function(tool) for tool in offered]
    assert len(bound) == TOOLS
    return (time.perf_counter() - begun) * 1000


def _import(*, rounds: int) -> Measurement:
    document = _document()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        found = tools_of(read_document(document))
        times.append([(time.perf_counter() - begun) * 1000])
        assert not found.skipped, found.skipped[:3]
    note = f"{len(document) / 1024:.0f} KB of JSON, {len(found.tools)} operations"
    return Measurement(
        "OpenAPI document read and made into tools", percentile(times, 50), "ms", rounds, IMPORT_TARGET_MS, note=note
    )


def _document() -> bytes:
    """Operations with parameters, a body and shared schemas, until the document is large."""
    paths: dict[str, Any] = {}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Warehouse", "version": "1"},
        "servers": [{"url": "https://api.example.com/v1"}],
        "paths": paths,
        "components": {"schemas": {"Part": _PART}},
    }
    operation = _operation(0)
    for number in range(DOCUMENT_BYTES // len(orjson.dumps(operation))):
        paths[f"/shelves/{{shelf}}/parts-{number}"] = {"post": _operation(number)}
    return orjson.dumps(document)


_PART: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 100},
        "weight": {"type": "number", "description": "in kilograms"},
        "made_of": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
    },
    "required": ["name"],
}


def _operation(number: int) -> dict[str, Any]:
    return {
        "operationId": f"put_part_{number:05}",
        "summary": f"Puts a part of kind {number:05} on a shelf, and says where it stands.",
        "parameters": [
            {"name": "shelf", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
        ],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Part"}}}},
        "responses": {"200": {"description": "It stands."}},
    }

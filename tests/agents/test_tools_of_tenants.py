"""A tool is its tenant's own, and every process knows it with the next run."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from agents.modes.chat_events import ToolResult
from core.db import Database
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.asking import answer_of, ask
from tests.agents.calling_model import CallingModel, Says, Turn, calling_model
from tests.agents.conftest import NewEngine
from tests.agents.tooling import Shop, calls_of, register
from tests.factories import add_tenant
from tests.serving import serving
from tests.tools.peers import peer
from tools.admin import registering
from tools.registry import tools

TENANTS = 10
RUNS = 4
ITEM = {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]}


@pytest.fixture
async def model() -> AsyncIterator[CallingModel]:
    async with calling_model() as model:
        yield model


def says(text: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


def looks_up(request: dict[str, Any]) -> Turn:
    """The item that the newest question names, three times at once; then whatever it was told."""
    [*_, last] = request["messages"]
    if last["role"] == "tool":
        return str(last["content"])
    [*_, item] = re.findall(r"Where is (\S+)\?", str(request["messages"]))
    return [Says("lookup", {"item": f"{item}-{number}"}) for number in range(3)]


async def test_ten_tenants_with_a_tool_of_the_same_name_never_reach_each_others(
    new_engine: NewEngine, database: Database, model: CallingModel, embeddings: LocalEmbeddings
) -> None:
    engine = await new_engine(model.client(embeddings), max_concurrent=TENANTS * RUNS)
    model.then = looks_up
    names = [f"t{number}" for number in range(TENANTS)]
    async with AsyncExitStack() as opened:
        hosts = {name: await opened.enter_async_context(peer(says(f"I am {name}"))) for name in names}
        tenants = {name: await add_tenant(database, name) for name in names}
        for name in names:
            invocation = {"method": "GET", "url": f"http://127.0.0.1:{hosts[name].port}/{{item}}"}
            await register(engine.toolbox, tenants[name], "lookup", invocation, parameters=ITEM)
        asked = [(name, run) for run in range(RUNS) for name in names]
        told = await asyncio.gather(*(ask(engine, tenants[name], f"Where is {name}-{run}?") for name, run in asked))

    for (name, _), events in zip(asked, told, strict=True):
        assert [each.text for each in events if isinstance(each, ToolResult)] == [f"I am {name}"] * 3
        assert answer_of(events) == f"I am {name}"
    for name in names:
        wanted = sorted(f"{name}-{run}-{number}" for run in range(RUNS) for number in range(3))
        assert sorted(request.split()[1].decode()[1:] for request in hosts[name].requests) == wanted
        calls = await calls_of(engine.toolbox, tenants[name])
        assert sorted(call["arguments"]["item"] for call in calls) == wanted
        assert {call["user_id"] for call in calls} == {tenants[name].user_id}


async def test_another_process_calls_a_tool_in_the_run_after_its_registration(
    new_engine: NewEngine, reader: TenantContext, model: CallingModel, embeddings: LocalEmbeddings
) -> None:
    here, there = [await new_engine(model.client(embeddings)) for _ in range(2)]
    shop = Shop()
    async with serving(shop.app()) as url:
        await ask(there, reader, "Is there a lamp?")
        assert "tools" not in model.requests[-1]

        await register(here.toolbox, reader, "stock", {"method": "GET", "url": f"{url}/stock/{{item}}"})
        model.turns = [[Says("stock", {"item": "lamp"})], "There is."]
        assert answer_of(await ask(there, reader, "Is there a lamp?")) == "There is."
        assert model.results == ['{"item":"lamp","said":"taken"}']

        await registering.add_version(
            here.toolbox, reader, "stock", description="Says how many there are.", parameters=None, side_effect=None,
            invocation={"method": "GET", "url": f"{url}/stock/{{item}}-2"},
        )  # fmt: skip
        model.turns = [[Says("stock", {"item": "lamp"})], "There is."]
        await ask(there, reader, "Is there a lamp?")
        assert model.results == ['{"item":"lamp-2","said":"taken"}']
        [offered] = model.requests[-2]["tools"]
        assert offered["function"]["description"] == "Says how many there are."

        async with here.database.tenant_transaction(reader) as connection:
            await tools.set_enabled(connection, reader, "stock", enabled=False)
        await ask(there, reader, "Is there a lamp?")
        assert "tools" not in model.requests[-1]

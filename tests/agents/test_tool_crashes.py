"""A call that was under way when its process died: reads are made again, writes are told as uncertain."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fastapi import FastAPI, Request

from agents import chat
from agents.chat import Asked
from agents.engine import Engine
from agents.execution.execution import Execution, Workshop
from agents.execution.executor import Executor
from agents.state import access
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.asking import answer_of, ask, told
from tests.agents.calling_model import CallingModel, Says, calling_model
from tests.agents.conftest import NewEngine
from tests.agents.tooling import calls_of, register
from tests.serving import serving
from tests.until import until
from tools.calls import Caller
from tools.definitions import SideEffect
from tools.registry.policies import Approval, Policy
from tools.toolbox import Wish

AUTO = Policy(approval=Approval.AUTO)


@dataclass
class SlowShop:
    """A peer whose answers wait until `open`, each by the item that is asked for; `keys` are as they were sent."""

    keys: defaultdict[str, list[str | None]] = field(default_factory=lambda: defaultdict(list))
    reached: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    open: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    url: str = ""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/orders")
        async def order(request: Request) -> dict[str, Any]:
            item = (await request.json())["item"]
            self.keys[item].append(request.headers.get("idempotency-key"))
            self.reached[item].set()
            await self.open[item].wait()
            return {"taken": item}

        return app


@pytest.fixture
async def model() -> AsyncIterator[CallingModel]:
    async with calling_model() as model:
        yield model


@pytest.fixture
async def shop() -> AsyncIterator[SlowShop]:
    shop = SlowShop()
    async with serving(shop.app()) as url:
        shop.url = url
        yield shop
        for gate in shop.open.values():
            gate.set()


@pytest.fixture
async def engine(new_engine: NewEngine, model: CallingModel, embeddings: LocalEmbeddings) -> Engine:
    """The process that takes over."""
    return await new_engine(model.client(embeddings))


def dying(engine: Engine) -> Engine:
    """A process that executes what it is given, and of which nobody will hear again."""
    workshop = Workshop(engine.database, engine.log, engine.catalog, engine.embeddings, timeout_seconds=20)
    executor = Executor(engine.database, engine.cache, lambda claim: Execution(workshop, claim), max_concurrent=4)
    return replace(engine, executor=executor)


async def ask_and_die(engine: Engine, ctx: TenantContext, shop: SlowShop, item: str, *, ended: int = 0) -> Asked:
    """The process ends when `item` has been asked for and not been answered, and `ended` other calls have."""
    before = asyncio.all_tasks()
    run = await chat.ask(dying(engine), ctx, "Order.")
    [task] = [each for each in asyncio.all_tasks() - before if "Execution.run" in repr(each)]
    await asyncio.wait_for(shop.reached[item].wait(), 10)

    async def is_in_its_calls() -> bool:
        outcomes = [call["outcome"] for call in await calls_of(engine.toolbox, ctx)]
        stored = set((await access.read(engine, ctx, run.thread_id))["next"])
        return stored == {"act"} and len(outcomes) - outcomes.count(None) == ended

    await until(is_in_its_calls)
    task.cancel()
    await asyncio.wait([task])
    return run


async def taken_over(engine: Engine, ctx: TenantContext, run: Asked) -> str:
    """The answer, as another process finds it."""
    async with engine.database.untenanted_connection() as connection:
        await connection.execute("UPDATE run_queue SET lease_until = now() - interval '1 second'")
    await engine.executor.announce_work()
    return answer_of(await asyncio.wait_for(told(engine, ctx, run), 15))


async def order(engine: Engine, ctx: TenantContext, shop: SlowShop, side_effect: SideEffect) -> None:
    invocation = {"method": "POST", "url": f"{shop.url}/orders"}
    await register(engine.toolbox, ctx, "order", invocation, side_effect=side_effect, policy=AUTO)


async def test_a_read_is_made_again_with_the_same_key(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: SlowShop
) -> None:
    await order(engine, reader, shop, SideEffect.READ)
    model.turns = [[Says("order", {"item": "lamp"})], "Here it is."]
    run = await ask_and_die(engine, reader, shop, "lamp")
    shop.open["lamp"].set()
    assert await taken_over(engine, reader, run) == "Here it is."
    [call] = await calls_of(engine.toolbox, reader)
    assert (call["outcome"], call["attempts"]) == ("succeeded", 2)
    assert shop.keys["lamp"] == [str(call["tool_call_id"])] * 2
    assert model.results == ['{"taken":"lamp"}']


async def test_a_write_is_not_made_again_and_the_model_is_told_so(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: SlowShop
) -> None:
    await order(engine, reader, shop, SideEffect.WRITE)
    model.turns = [[Says("order", {"item": "lamp"})], "I do not know."]
    run = await ask_and_die(engine, reader, shop, "lamp")
    shop.open["lamp"].set()
    assert await taken_over(engine, reader, run) == "I do not know."
    [call] = await calls_of(engine.toolbox, reader)
    assert (call["outcome"], call["attempts"]) == ("uncertain", 2)
    assert shop.keys["lamp"] == [str(call["tool_call_id"])]
    assert "may have had its effect" in model.results[0]


async def test_of_parallel_calls_those_that_were_answered_are_not_made_again(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: SlowShop
) -> None:
    await order(engine, reader, shop, SideEffect.READ)
    model.turns = [[Says("order", {"item": item}) for item in ("lamp", "shade")], "Here they are."]
    shop.open["lamp"].set()
    run = await ask_and_die(engine, reader, shop, "shade", ended=1)
    shop.open["shade"].set()
    assert await taken_over(engine, reader, run) == "Here they are."
    assert {item: len(keys) for item, keys in shop.keys.items()} == {"lamp": 1, "shade": 2}
    assert model.results == ['{"taken":"lamp"}', '{"taken":"shade"}']


@pytest.mark.parametrize("side_effect", [SideEffect.READ, SideEffect.WRITE])
async def test_a_call_that_ended_is_told_once_more_instead_of_made(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: SlowShop, side_effect: SideEffect
) -> None:
    await order(engine, reader, shop, side_effect)
    model.turns = [[Says("order", {"item": "lamp"})], "Here it is."]
    shop.open["lamp"].set()
    await ask(engine, reader, "Order.")
    [call] = await calls_of(engine.toolbox, reader)
    caller = Caller(reader, call["run_id"], call["thread_id"], call["assistant_id"])
    again = await engine.toolbox.call(caller, Wish(call["call_id"], "order", {"item": "lamp"}), None)
    assert (again.outcome, again.text) == ("succeeded", '{"taken":"lamp"}')
    assert len(shop.keys["lamp"]) == 1

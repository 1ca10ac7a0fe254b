"""exploration"""

from collections.abc import AsyncIterator

import pytest

from agents.engine import Engine
from core.tenancy import TenantContext
from tests.agents.asking import ask
from tests.agents.calling_model import CallingModel, Says, calling_model
from tests.agents.tooling import Shop, calls_of, grant, register
from tests.serving import serving

DEEP = '{"item":' + "[" * 10_000 + "]" * 10_000 + "}"
CASES = {
    "1mb": '{"item": "' + "x" * 1_000_000 + '"}',
    "deep": DEEP,
    "deep100": '{"item":' + "[" * 900 + "]" * 900 + "}",
    "deepcut": DEEP[:10_000],
    "deepobj": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "hugeint": '{"item":"a","count":1' + "0" * 30 + "}",
    "hugerint": '{"item":"a","count":1' + "0" * 5000 + "}",
    "nan": '{"item":"a","count":NaN}',
    "inf": '{"item":"a","count":1e999}',
    "dup": '{"item":"a","item":"b"}',
    "nul": '{"item":"a\\u0000"}',
    "surr": '{"item":"\\ud800"}',
    "list": "[1]",
    "null": "null",
    "empty": "",
    "str": '"x"',
    "cut": '{"item":"a',
    "ctrl": '{"item":"a\nb"}',
    "literal": '{"item":"\\\\u0000"}',
}


@pytest.fixture
async def model() -> AsyncIterator[CallingModel]:
    async with calling_model() as model:
        yield model


@pytest.fixture
async def engine(new_engine, model, embeddings) -> Engine:
    return await new_engine(model.client(embeddings))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    async with serving(shop.app()) as url:
        shop.url = url
        yield shop


import time
async def test_x(engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop) -> None:
    await register(engine.toolbox, reader, "order", {"method": "POST", "url": f"{shop.url}/orders"})
    for name, args in CASES.items():
        model.turns = [[Says("order", args)], "ok"]
        n = len(await calls_of(engine.toolbox, reader))
        t = time.time()
        events = await ask(engine, reader, "Order " + name)
        last = events[-1]
        rows = await calls_of(engine.toolbox, reader)
        print("CASE", name, round(time.time() - t, 2), type(last).__name__, str(last)[:200] if "Failed" in type(last).__name__ else "", [(r["outcome"], str(r["arguments"])[:60]) for r in rows[n:]], [r[:100] for r in model.results][-1:])
    for nm, i in (("", "a"), (None, "b"), ("n" * 10_000, "c"), ("würst\u202e", "d"), ("order", "i" * 10_000), ("order\x00", "e"), ("order", "\ud800")):
        model.turns = [[Says(nm, {"item": "a"}, id=i)], "ok"]
        n = len(await calls_of(engine.toolbox, reader))
        events = await ask(engine, reader, "Order " + str(nm)[:5].encode("ascii", "replace").decode().replace("\x00", ""))
        last = events[-1]
        rows = await calls_of(engine.toolbox, reader)
        print("NAME", repr(nm)[:20], type(last).__name__, str(last)[:200] if "Failed" in type(last).__name__ else "", [(r["outcome"], r["name"][:70], r["call_id"][:70]) for r in rows[n:]], [r[:100] for r in model.results][-1:])
    print(len(shop.orders))

"""respond ⇄ act: a model over the wire calls tools over the wire."""

from collections.abc import AsyncIterator

import pytest

from agents.engine import Engine
from agents.modes.chat_events import ToolCall, ToolResult
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.asking import answer_of, ask, rows
from tests.agents.calling_model import CallingModel, Says, calling_model
from tests.agents.conftest import NewEngine
from tests.agents.tooling import Shop, calls_of, grant, register
from tests.serving import serving
from tools.registry.policies import Approval, Policy


@pytest.fixture
async def model() -> AsyncIterator[CallingModel]:
    async with calling_model() as model:
        yield model


@pytest.fixture
async def engine(new_engine: NewEngine, model: CallingModel, embeddings: LocalEmbeddings) -> Engine:
    return await new_engine(model.client(embeddings))


@pytest.fixture
async def shop() -> Shop:
    return Shop()


@pytest.fixture
async def shop_url(shop: Shop) -> AsyncIterator[str]:
    async with serving(shop.app()) as url:
        yield url


async def test_a_result_goes_back_to_the_model_and_into_the_events_and_the_audit(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop, shop_url: str
) -> None:
    await register(engine.toolbox, reader, "order", {"method": "POST", "url": f"{shop_url}/orders"})
    model.turns = [[Says("order", {"item": "lamp", "count": 2})], "It is ordered."]
    events = await ask(engine, reader, "Order two lamps.")

    assert shop.orders == [{"item": "lamp", "count": 2}]
    assert model.results == ['{"said":"taken"}']
    assert answer_of(events) == "It is ordered."
    [call] = [event for event in events if isinstance(event, ToolCall)]
    [result] = [event for event in events if isinstance(event, ToolResult)]
    assert (call.name, call.arguments) == ("order", {"item": "lamp", "count": 2})
    assert (result.call_id, result.outcome, result.text) == (call.call_id, "succeeded", '{"said":"taken"}')
    [audited] = await calls_of(engine.toolbox, reader)
    assert (audited["name"], audited["outcome"], audited["user_id"]) == ("order", "succeeded", reader.user_id)
    assert [row["content"] for row in await rows(engine.database, reader, "messages")] == [
        "Order two lamps.",
        "It is ordered.",
    ]


async def test_a_tool_that_is_not_granted_is_neither_offered_nor_called(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop, shop_url: str
) -> None:
    await register(engine.toolbox, reader, "order", {"method": "POST", "url": f"{shop_url}/orders"}, granted=False)
    model.turns = [[Says("order", {"item": "lamp"})], "I may not."]
    await ask(engine, reader, "Order a lamp.")

    assert not any("tools" in request for request in model.requests[:1])
    assert shop.orders == []
    assert [call["outcome"] for call in await calls_of(engine.toolbox, reader)] == ["not_granted"]


async def test_wrong_arguments_go_back_to_the_model_which_may_try_again_twice(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop, shop_url: str
) -> None:
    await register(engine.toolbox, reader, "order", {"method": "POST", "url": f"{shop_url}/orders"})
    model.turns = [
        [Says("order", wrong)] for wrong in ({"count": 1}, {"item": 3}, {"item": "a", "b": 1}, {"item": "a"})
    ]
    await ask(engine, reader, "Order a lamp.")

    assert shop.orders == []
    outcomes = [call["outcome"] for call in await calls_of(engine.toolbox, reader)]
    assert outcomes == ["invalid_arguments"] * 3
    assert "tools" not in model.requests[-1]
    assert '"item" is a required property' in model.results[0]


async def test_parallel_calls_each_have_their_result(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop, shop_url: str
) -> None:
    url = f"{shop_url}/stock/{{item}}"
    await register(engine.toolbox, reader, "stock", {"method": "GET", "url": url})
    await grant(engine.toolbox, reader, "calculate")
    model.turns = [
        [Says("stock", {"item": "a"}), Says("stock", {"item": "b"}), Says("calculate", {"expression": "6*7"})]
    ]
    await ask(engine, reader, "How many?")

    assert model.results == ['{"item":"a","said":"taken"}', '{"item":"b","said":"taken"}', "42"]


async def test_garbled_arguments_and_repeated_ids_do_not_end_a_run(
    engine: Engine, reader: TenantContext, model: CallingModel
) -> None:
    await grant(engine.toolbox, reader, "calculate")
    twice = [Says("calculate", {"expression": "1+1"}, id="x"), Says("calculate", {"expression": "2+2"}, id="x")]
    model.turns = [twice, [Says("calculate", "nonsense", id="x")], [Says("no such tool!", {}, id="")], "Four."]
    events = await ask(engine, reader, "How much?")

    assert answer_of(events) == "Four."
    assert model.results[:2] == ["2", "4"]
    assert "no JSON object" in model.results[2]
    assert "no tool named" in model.results[3]


async def test_a_model_that_never_stops_calling_is_made_to_answer(
    engine: Engine, reader: TenantContext, model: CallingModel
) -> None:
    await grant(engine.toolbox, reader, "calculate")
    calls = [[Says("calculate", {"expression": "1"})]] * 8
    model.turns = [*calls, "That is enough."]
    assert answer_of(await ask(engine, reader, "Count.")) == "That is enough."
    assert len(await calls_of(engine.toolbox, reader)) == 8
    assert "tools" not in model.requests[-1]


async def test_five_hundred_calls_at_once_are_not_made(
    engine: Engine, reader: TenantContext, model: CallingModel
) -> None:
    await grant(engine.toolbox, reader, "current_time")
    async with engine.database.tenant_transaction(reader):
        model.turns = [[Says("current_time", {}, id=f"c{number}") for number in range(500)]]
    await ask(engine, reader, "What time is it, and again?")
    assert len(await calls_of(engine.toolbox, reader)) == 50
    assert sum("may take" in result for result in model.results) == 450


async def test_a_denied_tool_is_not_offered(engine: Engine, reader: TenantContext, model: CallingModel) -> None:
    await register(
        engine.toolbox, reader, "order", {"method": "POST", "url": "https://example.com"},
        policy=Policy(approval=Approval.DENY),
    )  # fmt: skip
    await ask(engine, reader, "Order a lamp.")
    assert "tools" not in model.requests[-1]

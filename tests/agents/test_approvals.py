"""Calls that a person has to approve: bound to their arguments, made once, by nobody who may not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents import approving, chat, starting
from agents.chat import Asked
from agents.engine import Engine
from agents.modes.chat_events import Interrupt, ToolResult
from agents.runs.request import RunRequest
from core.db import Database
from core.errors import Conflict, Forbidden, Invalid
from core.paging import START
from core.tenancy import Role, TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.asking import answer_of, told
from tests.agents.calling_model import CallingModel, Says, calling_model
from tests.agents.conftest import NewEngine
from tests.agents.tooling import Shop, calls_of, register
from tests.serving import serving
from tools.admin import registering
from tools.definitions import SideEffect
from tools.registry import approvals
from tools.registry.approvals import Approval
from tools.registry.decisions import Approve, Decision, Edit, EditedAction, Reject
from tools.registry.policies import Policy

APPROVE = Approve(type="approve")


@pytest.fixture
async def model() -> AsyncIterator[CallingModel]:
    async with calling_model() as model:
        yield model


@pytest.fixture
async def engine(new_engine: NewEngine, model: CallingModel, embeddings: LocalEmbeddings) -> Engine:
    return await new_engine(model.client(embeddings))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    async with serving(shop.app()) as url:
        shop.url = url
        yield shop


async def order(engine: Engine, ctx: TenantContext, shop: Shop, policy: Policy | None = None) -> None:
    """A tool that writes, which by itself is asked about."""
    invocation = {"method": "POST", "url": f"{shop.url}/orders"}
    await register(engine.toolbox, ctx, "order", invocation, side_effect=SideEffect.WRITE, policy=policy)


async def asked(engine: Engine, ctx: TenantContext, model: CallingModel, *calls: Says) -> tuple[Asked, Interrupt]:
    model.turns = [calls or [Says("order", {"item": "lamp"})], "It is ordered."]
    run = await chat.ask(engine, ctx, "Order a lamp.")
    [interrupt] = [event for event in await told(engine, ctx, run) if isinstance(event, Interrupt)]
    return run, interrupt


async def pending(engine: Engine, ctx: TenantContext) -> list[Approval]:
    async with engine.database.tenant_transaction(ctx) as connection:
        page = await approvals.list_page(connection, ctx, status="pending", cursor=START, limit=100)
    return list(page.items)


async def ended(engine: Engine, ctx: TenantContext, thread_id: UUID) -> list[Any]:
    """The events of the run that went on with the thread."""
    async with engine.database.tenant_transaction(ctx) as connection:
        rows = await connection.execute("SELECT run_id FROM runs ORDER BY created_at DESC LIMIT 1")
        row = await rows.fetchone()
    assert row is not None
    return list(await told(engine, ctx, Asked(row["run_id"], thread_id)))


async def add_colleague(database: Database, ctx: TenantContext) -> TenantContext:
    """Another member of the tenant."""
    colleague = TenantContext(ctx.tenant_id, uuid4(), Role.MEMBER)
    async with database.tenant_transaction(colleague) as connection:
        await connection.execute(
            "INSERT INTO users (user_id, email, name, password_hash) VALUES (%s, 'bo@example.com', 'Bo', '!')",
            (colleague.user_id,),
        )
        await connection.execute(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES (%s, %s, %s)",
            (colleague.tenant_id, colleague.user_id, colleague.role),
        )
    return colleague


async def resume(engine: Engine, ctx: TenantContext, thread_id: UUID, said: Any) -> list[Any]:
    request = RunRequest(command={"resume": said}, stream_mode=("chat",))
    accepted = await starting.start(engine, ctx, "agent", request, thread_id=thread_id)
    return list(await told(engine, ctx, Asked(accepted.run.run_id, thread_id)))


async def test_a_call_that_writes_waits_in_the_shape_that_agent_chat_ui_shows(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop)
    _, interrupt = await asked(engine, reader, model)
    [request] = interrupt.value["action_requests"]
    assert (request["name"], request["args"]) == ("order", {"item": "lamp"})
    assert interrupt.value["review_configs"] == [
        {"action_name": "order", "allowed_decisions": ["approve", "edit", "reject"]}
    ]
    assert shop.orders == []
    assert await calls_of(engine.toolbox, reader) == []


async def test_an_approval_lets_the_run_go_on(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop)
    run, _ = await asked(engine, reader, model)
    [approval] = await pending(engine, reader)
    await approving.decide(engine, reader, approval.approval_id, APPROVE)
    assert answer_of(await ended(engine, reader, run.thread_id)) == "It is ordered."
    assert shop.orders == [{"item": "lamp"}]
    [call] = await calls_of(engine.toolbox, reader)
    assert shop.keys == [str(call["tool_call_id"])]


async def test_an_approval_resumes_a_thread_that_an_admin_reached_by_role(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop)
    colleague = await add_colleague(engine.database, reader)
    model.turns = ["Hello."]
    thread_id = (await chat.ask(engine, colleague, "Hello?")).thread_id
    model.turns += [[Says("order", {"item": "lamp"})], "It is ordered."]
    request = RunRequest(input={"messages": [{"type": "human", "content": "Order a lamp."}]}, stream_mode=("chat",))
    accepted = await starting.start(engine, reader, "agent", request, thread_id=thread_id, by_role=True)
    await told(engine, reader, Asked(accepted.run.run_id, thread_id))
    [approval] = await pending(engine, reader)
    await approving.decide(engine, reader, approval.approval_id, APPROVE)
    assert answer_of(await ended(engine, reader, thread_id)) == "It is ordered."


async def test_of_two_approvers_at_once_one_decides_and_the_call_is_made_once(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop)
    run, _ = await asked(engine, reader, model)
    [approval] = await pending(engine, reader)
    decisions = [approving.decide(engine, reader, approval.approval_id, APPROVE) for _ in range(2)]
    results = await asyncio.gather(*decisions, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Approval", "Conflict"]
    await ended(engine, reader, run.thread_id)
    assert len(shop.orders) == 1


async def test_the_run_goes_on_only_when_every_call_is_decided(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop)
    calls = [Says("order", {"item": item}) for item in ("lamp", "shade")]
    run, interrupt = await asked(engine, reader, model, *calls)
    assert [each["args"]["item"] for each in interrupt.value["action_requests"]] == ["lamp", "shade"]
    second, first = await pending(engine, reader)
    await approving.decide(engine, reader, first.approval_id, Reject(type="reject", message="too dear"))
    assert len(await pending(engine, reader)) == 1
    await approving.decide(engine, reader, second.approval_id, APPROVE)
    results = [event for event in await ended(engine, reader, run.thread_id) if isinstance(event, ToolResult)]
    # Parallel calls end in any order.
    assert sorted(result.outcome for result in results) == ["rejected", "succeeded"]
    assert any("too dear" in result for result in model.results)
    assert shop.orders == [{"item": second.arguments["item"]}]


async def test_an_edit_is_what_is_called_and_what_the_model_remembers(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop)
    run, _ = await asked(engine, reader, model)
    edit = {"type": "edit", "edited_action": {"name": "order", "args": {"item": "candle", "count": 2}}}
    await resume(engine, reader, run.thread_id, {"decisions": [edit]})
    assert shop.orders == [{"item": "candle", "count": 2}]
    [call] = [each for message in model.requests[-1]["messages"] for each in message.get("tool_calls") or ()]
    assert "candle" in call["function"]["arguments"]


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        (Edit(type="edit", edited_action=EditedAction(name="order", args={"count": 0})), Invalid),
        (Edit(type="edit", edited_action=EditedAction(name="current_time", args={})), Invalid),
    ],
    ids=["arguments that do not fit", "another tool"],
)
async def test_an_edit_that_cannot_be_called_decides_nothing(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop, decision: Decision, error: type[Exception]
) -> None:
    await order(engine, reader, shop)
    await asked(engine, reader, model)
    [approval] = await pending(engine, reader)
    with pytest.raises(error):
        await approving.decide(engine, reader, approval.approval_id, decision)
    assert len(await pending(engine, reader)) == 1


async def test_nobody_below_the_approvers_role_decides_at_any_door(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop, Policy(approver_role=Role.ADMIN))
    member = TenantContext(reader.tenant_id, reader.user_id, Role.MEMBER)
    run, _ = await asked(engine, member, model)
    [approval] = await pending(engine, member)
    with pytest.raises(Forbidden):
        await approving.decide(engine, member, approval.approval_id, APPROVE)
    events = await resume(engine, member, run.thread_id, {"decisions": [{"type": "approve"}]})
    assert any(isinstance(event, Interrupt) for event in events)
    assert shop.orders == []
    await approving.decide(engine, reader, approval.approval_id, APPROVE)
    await ended(engine, reader, run.thread_id)
    assert len(shop.orders) == 1


@pytest.mark.parametrize("said", [True, "approve", {"decisions": []}, {"decisions": [{"type": "approve"}] * 2}])
async def test_an_answer_that_decides_nothing_is_asked_again(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop, said: Any
) -> None:
    await order(engine, reader, shop)
    run, _ = await asked(engine, reader, model)
    events = await resume(engine, reader, run.thread_id, said)
    assert any(isinstance(event, Interrupt) for event in events)
    assert shop.orders == []


async def test_an_approval_that_has_expired_is_void(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop)
    run, _ = await asked(engine, reader, model)
    [approval] = await pending(engine, reader)
    async with engine.database.tenant_transaction(reader) as connection:
        await connection.execute("UPDATE tool_approvals SET expires_at = now() - interval '1 second'")
    with pytest.raises(Conflict):
        await approving.decide(engine, reader, approval.approval_id, APPROVE)
    await resume(engine, reader, run.thread_id, {"decisions": [{"type": "approve"}]})
    assert shop.orders == []
    assert "nobody approved" in model.results[0]


async def test_an_approval_of_one_version_does_not_hold_for_the_next(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop)
    run, _ = await asked(engine, reader, model)
    [approval] = await pending(engine, reader)
    await registering.add_version(
        engine.toolbox, reader, "order", description="Orders all.", parameters=None, side_effect=None, invocation=None
    )
    await approving.decide(engine, reader, approval.approval_id, APPROVE)
    await ended(engine, reader, run.thread_id)
    assert shop.orders == []


async def test_what_waits_survives_a_restart(
    new_engine: NewEngine, reader: TenantContext, model: CallingModel, shop: Shop, embeddings: LocalEmbeddings
) -> None:
    first = await new_engine(model.client(embeddings))
    await order(first, reader, shop)
    run, _ = await asked(first, reader, model)
    second = await new_engine(model.client(embeddings))
    [approval] = await pending(second, reader)
    await approving.decide(second, reader, approval.approval_id, APPROVE)
    assert answer_of(await ended(second, reader, run.thread_id)) == "It is ordered."


async def test_a_new_question_leaves_nothing_to_approve(
    engine: Engine, reader: TenantContext, model: CallingModel, shop: Shop
) -> None:
    await order(engine, reader, shop)
    run, _ = await asked(engine, reader, model)
    [approval] = await pending(engine, reader)
    model.turns = ["Never mind."]
    await told(engine, reader, await chat.ask(engine, reader, "Forget it.", thread_id=run.thread_id))
    with pytest.raises(Conflict, match="went on"):
        await approving.decide(engine, reader, approval.approval_id, APPROVE)
    assert shop.orders == []

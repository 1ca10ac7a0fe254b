"""Each wrapper around a call keeps one promise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.breaker import BreakerPolicy, BreakerRegistry
from core.cache import Cache
from core.embedded import EmbeddedServers
from core.errors import AtriumError, Invalid, TooManyRequests
from core.tenancy import Role, TenantContext
from tests.tools.steps import Made, Waiting
from tools.calling import pipeline, timed
from tools.calling.approved import approved
from tools.calling.attempt import Attempt, Refused, Step
from tools.calling.cleaned import cleaned
from tools.calling.granted import granted
from tools.calling.known import known
from tools.calling.limited import limited
from tools.calling.rested import OUTCOMES, rested
from tools.calling.valid import valid
from tools.calls import Answer, Call, Caller, ToolFailed
from tools.definitions import SideEffect, Tool
from tools.egress.client import PeerFailed
from tools.registry.approvals import Verdict
from tools.registry.policies import Approval, Policy
from tools.registry.standings import Standing

PARAMETERS = {"type": "object", "properties": {"item": {"type": "string"}}, "additionalProperties": False}
TOOL = Tool("order", 1, "http", "Orders.", PARAMETERS, SideEffect.READ, {})
ASSISTANT = UUID(int=7)


def context() -> TenantContext:
    return TenantContext(uuid4(), uuid4(), Role.MEMBER)


def attempt(
    policy: Policy | None = None,
    *,
    ctx: TenantContext | None = None,
    is_granted: bool = True,
    tool: Tool = TOOL,
    **more: Any,
) -> Attempt:
    caller = Caller(ctx or context(), uuid4(), uuid4(), ASSISTANT)
    standing = Standing(tool, policy or Policy(), is_granted)
    usual: dict[str, Any] = {"arguments": {"item": "a"}, "standing": standing, "verdict": None}
    return Attempt(caller, "c", uuid4(), tool.name, **{**usual, **more})


async def refusal(step: Step, attempt: Attempt) -> str:
    with pytest.raises(AtriumError) as refused:
        await step(attempt)
    return refused.value.code


@pytest.fixture
async def caches(servers: EmbeddedServers) -> AsyncIterator[tuple[Cache, Cache]]:
    """Of two processes."""
    async with AsyncExitStack() as opened:
        yield (
            await opened.enter_async_context(Cache(servers.redis_url)),
            await opened.enter_async_context(Cache(servers.redis_url)),
        )


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (attempt(Policy(approval=Approval.DENY), standing=None, arguments={"x": 1}), "unknown_tool"),
        (attempt(Policy(approval=Approval.DENY), is_granted=False, arguments={"x": 1}), "not_granted"),
        (attempt(Policy(approval=Approval.DENY), arguments={"x": 1}), "invalid_arguments"),
        (attempt(Policy(approval=Approval.DENY)), "denied"),
        (attempt(Policy(approval=Approval.ASK)), "not_approved"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_a_call_meets_the_refusals_in_their_order_and_costs_nothing(
    caches: tuple[Cache, Cache], refused: Attempt, code: str
) -> None:
    class NeverCalled:
        async def call(self, call: Call) -> Answer:
            raise AssertionError("it was called")

    kinds: Any = {"http": NeverCalled()}
    step = pipeline.pipeline(caches[0], kinds, BreakerRegistry(OUTCOMES))
    assert await refusal(step, refused) == code
    if refused.standing is not None:
        await limited(caches[0])(Made())(replace(refused, standing=Standing(TOOL, Policy(calls_per_minute=1), True)))


async def test_an_unknown_tool_is_refused() -> None:
    assert await refusal(known(made := Made()), attempt(standing=None)) == "unknown_tool"
    assert made.attempts == []


async def test_a_tool_that_is_not_granted_is_refused() -> None:
    assert await refusal(granted(made := Made()), attempt(is_granted=False)) == "not_granted"
    assert made.attempts == []


async def test_the_model_is_told_what_is_wrong_with_its_arguments() -> None:
    with pytest.raises(Refused, match='at `item`: 7 is not of type "string"') as refused:
        await valid(made := Made())(attempt(arguments={"item": 7}))
    assert (refused.value.code, made.attempts) == ("invalid_arguments", [])


@pytest.mark.parametrize("side_effect", SideEffect)
async def test_only_writing_is_asked_about_where_no_policy_says(side_effect: SideEffect) -> None:
    asked = attempt(tool=replace(TOOL, side_effect=side_effect))
    if side_effect is SideEffect.WRITE:
        assert await refusal(approved(Made()), asked) == "not_approved"
    else:
        assert (await approved(Made())(asked)).text == "ok"


async def test_an_assistants_own_policy_goes_over_the_tools() -> None:
    policy = Policy(approval=Approval.AUTO, approval_by_assistant={ASSISTANT: Approval.DENY})
    assert await refusal(approved(Made()), attempt(policy)) == "denied"
    policy = Policy(approval=Approval.DENY, approval_by_assistant={ASSISTANT: Approval.AUTO})
    assert (await approved(Made())(attempt(policy))).text == "ok"


async def test_a_person_approves_or_says_why_not() -> None:
    ask = Policy(approval=Approval.ASK)
    assert (await approved(Made())(attempt(ask, verdict=Verdict(True, None)))).text == "ok"
    with pytest.raises(Refused, match="too dear") as refused:
        await approved(Made())(attempt(ask, verdict=Verdict(False, "too dear")))
    assert refused.value.code == "rejected"
    assert await refusal(approved(Made()), attempt(Policy(approval=Approval.DENY), verdict=Verdict(True, None))) == (
        "denied"
    )


async def test_calls_are_counted_over_all_processes_by_tenant_and_tool(caches: tuple[Cache, Cache]) -> None:
    policy, ctx = Policy(calls_per_minute=3), context()
    steps = [limited(cache)(Made()) for cache in caches]
    told = await asyncio.gather(
        *(steps[number % 2](attempt(policy, ctx=ctx)) for number in range(8)), return_exceptions=True
    )
    assert sum(isinstance(each, Answer) for each in told) == 3
    assert sum(isinstance(each, TooManyRequests) for each in told) == 5
    await steps[0](attempt(policy))
    await steps[0](attempt(policy, ctx=ctx, tool=replace(TOOL, name="other")))


async def test_calls_at_once_have_so_many_places_over_all_processes(caches: tuple[Cache, Cache]) -> None:
    policy, ctx, waiting = Policy(max_concurrent=2), context(), Waiting()
    inside = [asyncio.ensure_future(limited(cache)(waiting)(attempt(policy, ctx=ctx))) for cache in caches]
    for _ in inside:
        await asyncio.wait_for(waiting.inside.acquire(), 5)
    for cache in caches:
        assert await refusal(limited(cache)(Made()), attempt(policy, ctx=ctx)) == "too_many_requests"
    await limited(caches[0])(Made())(attempt(policy))
    waiting.leave.set()
    await asyncio.gather(*inside)
    await limited(caches[1])(Made())(attempt(policy, ctx=ctx))


async def test_a_call_that_fails_or_is_cancelled_leaves_its_place(caches: tuple[Cache, Cache]) -> None:
    policy, ctx, waiting = Policy(max_concurrent=1), context(), Waiting()
    assert await refusal(limited(caches[0])(Made(PeerFailed("away"))), attempt(policy, ctx=ctx)) == "peer_failed"
    task = asyncio.ensure_future(limited(caches[0])(waiting)(attempt(policy, ctx=ctx)))
    await asyncio.wait_for(waiting.inside.acquire(), 5)
    task.cancel()
    await asyncio.wait([task])
    assert (await limited(caches[1])(Made())(attempt(policy, ctx=ctx))).text == "ok"


async def test_a_call_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed, "_GRACE_SECONDS", 0)
    assert await refusal(timed.timed(Waiting()), attempt(Policy(timeout_seconds=0.01))) == "timed_out"


async def test_a_tool_that_keeps_failing_rests_until_one_call_gets_through() -> None:
    now = 0.0
    breakers = BreakerRegistry(OUTCOMES, BreakerPolicy(min_calls=4, open_seconds=30), clock=lambda: now)
    ctx, made = context(), Made(*[PeerFailed("away")] * 4)
    step = rested(breakers)(made)
    for _ in range(4):
        assert await refusal(step, attempt(ctx=ctx)) == "peer_failed"
    assert await refusal(step, attempt(ctx=ctx)) == "resting"
    assert len(made.attempts) == 4
    assert (await step(attempt())).text == "ok", "another tenant's is not at rest"
    now = 30.0
    made.answers = [PeerFailed("still away")]
    assert await refusal(step, attempt(ctx=ctx)) == "peer_failed"
    assert await refusal(step, attempt(ctx=ctx)) == "resting"
    now = 60.0
    assert [(await step(attempt(ctx=ctx))).text for _ in range(2)] == ["ok", "ok"]


@pytest.mark.parametrize("error", [Invalid("wrong"), ToolFailed("cannot"), Refused("too long", code="too_long")])
async def test_what_is_not_the_other_sides_fault_gives_it_no_rest(error: Exception) -> None:
    step = rested(BreakerRegistry(OUTCOMES, BreakerPolicy(min_calls=1)))(Made(*[error] * 5))
    ctx = context()
    for _ in range(5):
        assert await refusal(step, attempt(ctx=ctx)) != "resting"
    assert (await step(attempt(ctx=ctx))).text == "ok"


async def test_what_nobody_can_see_is_taken_out_of_an_answer() -> None:
    said = "a\x00b\x1b[2J\u202ec\ud800\td\n\x7fe\u2066f\rg"
    assert (await cleaned(Made(Answer(said, 20)))(attempt())).text == "ab[2Jc\td\nefg"


@pytest.mark.parametrize(
    ("answer", "passes"), [(Answer("x" * 9, 10), True), (Answer("x", 11), False), (Answer("x" * 11, 1), False)]
)
async def test_an_answer_has_an_end(answer: Answer, passes: bool) -> None:
    step, asked = cleaned(Made(answer)), attempt(Policy(max_response_bytes=10))
    if passes:
        assert await step(asked) == answer
    else:
        assert await refusal(step, asked) == "too_long"

"""Each wrapper around a call keeps one promise."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.breaker import BreakerPolicy, BreakerRegistry
from core.cache import Cache
from core.db import Database
from core.embedded import EmbeddedServers
from core.errors import AtriumError, Invalid, TooManyRequests
from core.tenancy import Role, TenantContext
from tools.calling import pipeline, timed
from tools.calling.approved import approved
from tools.calling.attempt import Attempt, Refused, Step
from tools.calling.cleaned import cleaned
from tools.calling.granted import granted
from tools.calling.journaled import Journal
from tools.calling.known import known
from tools.calling.limited import limited
from tools.calling.rested import OUTCOMES, rested
from tools.calling.valid import valid
from tools.calls import Answer, Call, Caller, ToolFailed
from tools.definitions import SideEffect, Tool
from tools.egress.client import PeerFailed
from tools.registry import grants, policies, tools
from tools.registry.approvals import Verdict
from tools.registry.policies import Approval, Policy
from tools.registry.standings import Standing
from tools.registry.tools import Draft

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


class Made:
    """The innermost step: counts, and answers or raises what it is given."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.attempts: list[Attempt] = []

    async def __call__(self, attempt: Attempt) -> Answer:
        self.attempts.append(attempt)
        answer = self.answers.pop(0) if self.answers else Answer("ok", 2)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Waiting:
    """The innermost step: stays inside until `leave`."""

    def __init__(self) -> None:
        self.inside = asyncio.Semaphore(0)
        self.leave = asyncio.Event()

    async def __call__(self, attempt: Attempt) -> Answer:
        self.inside.release()
        await self.leave.wait()
        return Answer("ok", 2)


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
    with pytest.raises(Refused, match='"item".*7|7 is not of type "string"') as refused:
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
    inside = [asyncio.create_task(limited(cache)(waiting)(attempt(policy, ctx=ctx))) for cache in caches]
    for _ in inside:
        await asyncio.wait_for(waiting.inside.acquire(), 5)
    for cache in caches:
        assert await refusal(limited(cache)(Made()), attempt(policy, ctx=ctx)) == "rate_limited"
    await limited(caches[0])(Made())(attempt(policy))
    waiting.leave.set()
    await asyncio.gather(*inside)
    await limited(caches[1])(Made())(attempt(policy, ctx=ctx))


async def test_a_call_that_fails_or_is_cancelled_leaves_its_place(caches: tuple[Cache, Cache]) -> None:
    policy, ctx, waiting = Policy(max_concurrent=1), context(), Waiting()
    assert await refusal(limited(caches[0])(Made(PeerFailed("away"))), attempt(policy, ctx=ctx)) == "peer_failed"
    task = asyncio.create_task(limited(caches[0])(waiting)(attempt(policy, ctx=ctx)))
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


async def registered(
    database: Database, ctx: TenantContext, side_effect: SideEffect, policy: Policy | None = None
) -> Caller:
    async with database.tenant_transaction(ctx) as connection:
        await tools.create(connection, ctx, "order", Draft("http", "Orders.", PARAMETERS, side_effect, {}))
        await grants.add(connection, ctx, "order", effect="allow")
        await policies.put(connection, ctx, "order", policy or Policy(approval=Approval.AUTO))
    return Caller(ctx, uuid4(), uuid4(), ASSISTANT)


async def audited(database: Database, ctx: TenantContext) -> dict[str, Any]:
    async with database.tenant_transaction(ctx) as connection:
        [row] = await (await connection.execute("SELECT * FROM tool_calls")).fetchall()
    return row


@pytest.mark.parametrize(
    ("answer", "outcome", "told"),
    [
        (Answer("here", 9), "succeeded", "here"),
        (Answer("", 0), "succeeded", "(no text)"),
        (Answer("500 broken", 6, is_error=True), "failed", "500 broken"),
        (Refused("No.", code="not_granted"), "not_granted", "No."),
        (PeerFailed("It is away."), "peer_failed", "It is away."),
        (RuntimeError("canary"), "internal_error", "order could not be called; go on without it."),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_every_call_leaves_a_row(
    database: Database,
    acme: TenantContext,
    caplog: pytest.LogCaptureFixture,
    answer: Answer | Exception,
    outcome: str,
    told: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    caller = await registered(database, acme, SideEffect.READ)
    result = await Journal(database, Made(answer)).call(caller, "c1", "order", {"item": "a"}, None)
    row = await audited(database, acme)
    assert (result.outcome, result.text, result.tool_call_id) == (outcome, told, row["tool_call_id"])
    assert (row["outcome"], row["arguments"], row["version"], row["attempts"]) == (outcome, {"item": "a"}, 1, 1)
    assert (row["user_id"], row["run_id"], row["thread_id"]) == (acme.user_id, caller.run_id, caller.thread_id)
    assert row["bytes"] == (answer.received_bytes if isinstance(answer, Answer) else 0)
    assert row["ended_at"] >= row["started_at"]
    assert "canary" not in caplog.text + str(row)


async def test_a_write_that_broke_off_may_have_had_its_effect(database: Database, acme: TenantContext) -> None:
    caller = await registered(database, acme, SideEffect.WRITE)
    for number, error in enumerate((PeerFailed("It is away."), Refused("Too slow.", code="timed_out"))):
        result = await Journal(database, Made(error)).call(caller, f"c{number}", "order", {}, None)
        assert "may have had its effect" in result.text
    result = await Journal(database, Made(Refused("No.", code="rejected"))).call(caller, "c", "order", {}, None)
    assert result.text == "No."


async def test_a_long_result_is_cut_for_the_model_and_kept_whole(database: Database, acme: TenantContext) -> None:
    policy = Policy(approval=Approval.AUTO, max_model_characters=100)
    caller = await registered(database, acme, SideEffect.READ, policy)
    result = await Journal(database, Made(Answer("x" * 1_000, 1_000))).call(caller, "c", "order", {}, None)
    assert result.text == "x" * 100 + "\n[cut: these are the first 100 of 1000 characters]"
    assert (await audited(database, acme))["result"] == "x" * 1_000


@pytest.mark.parametrize(
    ("side_effect", "outcome", "calls"), [(SideEffect.READ, "succeeded", 2), (SideEffect.WRITE, "uncertain", 1)]
)
async def test_after_a_process_died_in_a_call_reads_are_repeated_and_writes_are_not(
    database: Database, acme: TenantContext, side_effect: SideEffect, outcome: str, calls: int
) -> None:
    caller = await registered(database, acme, side_effect)
    waiting, made = Waiting(), Made()
    died = asyncio.create_task(Journal(database, waiting).call(caller, "c", "order", {}, None))
    await asyncio.wait_for(waiting.inside.acquire(), 5)
    died.cancel()
    await asyncio.wait([died])
    assert (await audited(database, acme))["outcome"] is None

    result = await Journal(database, made).call(caller, "c", "order", {}, None)
    row = await audited(database, acme)
    assert (result.outcome, row["outcome"], row["attempts"]) == (outcome, outcome, 2)
    assert 1 + len(made.attempts) == calls
    assert {each.tool_call_id for each in made.attempts} <= {row["tool_call_id"]}
    again = await Journal(database, made).call(caller, "c", "order", {}, None)
    assert (again, 1 + len(made.attempts)) == (result, calls)

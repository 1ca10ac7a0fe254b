"""Every call leaves a row, and none is made twice unless nobody is the worse for it."""

import asyncio
import logging
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.db import Database
from core.tenancy import TenantContext
from tests.tools.steps import Made, Waiting
from tools.calling.approved import approved
from tools.calling.attempt import Refused
from tools.calling.journaled import Journal
from tools.calls import Answer, Caller
from tools.definitions import SideEffect
from tools.egress.client import PeerFailed
from tools.registry import approvals, grants, policies, standings, tools
from tools.registry.policies import Approval, Policy
from tools.registry.tools import Draft

PARAMETERS = {"type": "object", "properties": {"item": {"type": "string"}}, "additionalProperties": False}


async def registered(
    database: Database, ctx: TenantContext, side_effect: SideEffect, policy: Policy | None = None
) -> Caller:
    async with database.tenant_transaction(ctx) as connection:
        await tools.create(connection, ctx, "order", Draft("http", "Orders.", PARAMETERS, side_effect, {}))
        await grants.add(connection, ctx, "order", effect="allow")
        await policies.put(connection, ctx, "order", policy or Policy(approval=Approval.AUTO))
    return Caller(ctx, uuid4(), uuid4(), UUID(int=7))


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


async def test_an_approval_holds_for_one_call_with_its_very_arguments(
    database: Database, acme: TenantContext
) -> None:
    caller = await registered(database, acme, SideEffect.WRITE, Policy(approval=Approval.ASK))
    elsewhere = replace(caller, thread_id=uuid4())
    async with database.tenant_transaction(acme) as connection:
        for thread_id in (caller.thread_id, elsewhere.thread_id):
            await connection.execute(
                "INSERT INTO threads (tenant_id, thread_id, user_id) VALUES (%s, %s, %s)",
                (acme.tenant_id, thread_id, acme.user_id),
            )
        standing = await standings.of_name(connection, caller, "order", None)
        assert standing is not None
        for call_id in ("right", "changed"):
            asked = await approvals.ask(connection, caller, call_id, standing, {"item": "a"})
            await approvals.decide(connection, acme, asked, status="approved")
    journal = Journal(database, approved(made := Made()))
    told = [
        await journal.call(caller, "changed", "order", {"item": "b"}, None),
        await journal.call(caller, "another", "order", {"item": "a"}, None),
        await journal.call(elsewhere, "right", "order", {"item": "a"}, None),
    ]
    assert [each.outcome for each in told] == ["not_approved"] * 3
    assert made.attempts == []
    assert (await journal.call(caller, "right", "order", {"item": "a"}, None)).outcome == "succeeded"

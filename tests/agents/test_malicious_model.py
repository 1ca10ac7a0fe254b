"""Whatever a model or its user makes up, nothing is called but what the user may call, as they may call it."""

import asyncio
import re
from collections.abc import AsyncIterator
from random import Random
from typing import Any
from uuid import UUID

import pytest

from agents import starting
from agents.chat import Asked
from agents.engine import Engine
from agents.modes.chat_events import Interrupt, RunEnded, RunEvent, RunFailed
from agents.runs.request import RunRequest
from core.tenancy import Role, TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents import hostile_calls
from tests.agents.asking import answer_of, ask, thread_of, told
from tests.agents.calling_model import CallingModel, Says, calling_model
from tests.agents.conftest import NewEngine
from tests.agents.hostile_calls import FORBIDDEN
from tests.agents.recording import ITEM, LOOK, Got, Recorder, register_all, register_theirs
from tests.agents.tooling import calls_of
from tests.serving import serving
from tools.arguments import problems_of

QUESTIONS = 60
MADE = ("succeeded", "failed")
REFUSALS = {"unknown_tool", "not_granted", "denied", "invalid_arguments"}
# A typed failure of the model; nothing of ours broke.
FAILURES = ("model_bad_response",)
SENT_BY_US = {
    "host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type",
    "idempotency-key", "x-note",
}  # fmt: skip


@pytest.fixture
async def model() -> AsyncIterator[CallingModel]:
    async with calling_model() as model:
        yield model


@pytest.fixture
async def engine(new_engine: NewEngine, model: CallingModel, embeddings: LocalEmbeddings) -> Engine:
    return await new_engine(model.client(embeddings), max_concurrent=8)


@pytest.fixture
def member(reader: TenantContext) -> TenantContext:
    return TenantContext(reader.tenant_id, reader.user_id, Role.MEMBER)


@pytest.fixture
async def peer() -> AsyncIterator[tuple[Recorder, str]]:
    recorder = Recorder()
    async with serving(recorder) as url:
        yield recorder, url


@pytest.fixture
async def their_peer() -> AsyncIterator[tuple[Recorder, str]]:
    recorder = Recorder()
    async with serving(recorder) as url:
        yield recorder, url


async def resume(engine: Engine, ctx: TenantContext, thread_id: UUID, **command: Any) -> list[RunEvent]:
    request = RunRequest(command=command, stream_mode=("chat",))
    accepted = await starting.start(engine, ctx, "agent", request, thread_id=thread_id)
    return await told(engine, ctx, Asked(accepted.run.run_id, thread_id))


async def interrogate(engine: Engine, ctx: TenantContext, question: int) -> None:
    """Until the answer is there; of what is asked about, some is approved and some rejected."""
    random = Random(question)
    events = await ask(engine, ctx, f"Question {question}")
    for _ in range(3):
        last = events[-1]
        assert isinstance(last, RunEnded) or (isinstance(last, RunFailed) and last.code in FAILURES), last
        asked = next((each for each in events if isinstance(each, Interrupt)), None)
        if asked is None:
            return
        decisions = [{"type": random.choice(("approve", "reject"))} for _ in asked.value["action_requests"]]
        events = await resume(engine, ctx, thread_of(events), resume={"decisions": decisions})


async def approved_of(engine: Engine, ctx: TenantContext) -> dict[tuple[UUID, str], dict[str, Any]]:
    async with engine.database.tenant_transaction(ctx) as connection:
        rows = await connection.execute("SELECT * FROM tool_approvals WHERE status = 'approved'")
        return {(row["thread_id"], row["call_id"]): row for row in await rows.fetchall()}


async def require_justified(engine: Engine, ctx: TenantContext, got: list[Got], host: str) -> None:
    """Each request is one row of the audit, of a tool that the member may call, with arguments that fit."""
    calls = await calls_of(engine.toolbox, ctx)
    made = [call for call in calls if call["outcome"] in MADE and call["name"] != "calculate"]
    approved = await approved_of(engine, ctx)
    assert {call["name"] for call in made} == {"look", "order"}
    assert all(problems_of(LOOK if call["name"] == "look" else ITEM, call["arguments"]) == [] for call in made)
    assert len(got) == len(made)
    by_marker = {str(call["arguments"]["item"]).partition(";")[0] + ";": call for call in made}
    assert len(by_marker) == len({request.marker for request in got}) == len(made)
    for request in got:
        call = by_marker[request.marker]
        assert request.headers["host"] == host
        assert request.headers.keys() <= SENT_BY_US
        assert (request.method, request.path) == ("POST", "/write") or call["name"] == "look"
        wanted = call["arguments"]
        if call["name"] == "look":
            wanted = {name: value.strip() if name == "note" else value for name, value in wanted.items()}
            assert request.method == "GET"
        else:
            assert request.headers["idempotency-key"] == str(call["tool_call_id"])
            assert approved[call["thread_id"], call["call_id"]]["arguments"] == wanted
        assert request.arguments == wanted


async def test_nothing_is_executed_outside_its_policy(
    engine: Engine,
    reader: TenantContext,
    member: TenantContext,
    globex: TenantContext,
    model: CallingModel,
    peer: tuple[Recorder, str],
    their_peer: tuple[Recorder, str],
) -> None:
    (recorder, url), (theirs, their_url) = peer, their_peer
    await register_all(engine, reader, url)
    await register_theirs(engine, globex, their_url)
    emitted = 0

    def answer(request: dict[str, Any]) -> list[Says]:
        nonlocal emitted
        [*_, question] = re.findall(r"Question (\d+)", str(request["messages"]))
        step = sum(message["role"] == "assistant" for message in request["messages"])
        calls = hostile_calls.turn(int(question), step)
        emitted += len(calls)
        return calls

    model.then = answer
    todo = iter(range(QUESTIONS))

    async def worker() -> None:
        for question in todo:
            await interrogate(engine, member, question)

    await asyncio.wait_for(asyncio.gather(*(worker() for _ in range(4))), 200)

    assert emitted >= 2_000
    assert len(recorder.got) >= 100
    await require_justified(engine, reader, recorder.got, url.removeprefix("http://"))
    outcomes = {(call["name"], call["outcome"]) for call in await calls_of(engine.toolbox, reader)}
    assert {outcome for name, outcome in outcomes if name in FORBIDDEN} == REFUSALS
    assert theirs.got == []
    assert await calls_of(engine.toolbox, globex) == []
    model.then = lambda request: "All is well."
    assert answer_of(await ask(engine, member, "Is it?")) == "All is well."


@pytest.mark.parametrize("length", [100_000, 1_000_000, 5_000_000])
async def test_arguments_of_any_length_are_refused_before_anything_is_called(
    engine: Engine,
    member: TenantContext,
    reader: TenantContext,
    model: CallingModel,
    peer: tuple[Recorder, str],
    length: int,
) -> None:
    recorder, url = peer
    await register_all(engine, reader, url)
    model.turns = [[Says("look", {"item": "m" * length})]]
    last = (await ask(engine, member, "Look."))[-1]
    assert isinstance(last, RunEnded) or (isinstance(last, RunFailed) and last.code in FAILURES)
    assert recorder.got == []
    assert {call["outcome"] for call in await calls_of(engine.toolbox, reader)} <= {"invalid_arguments"}

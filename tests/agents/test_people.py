"""What only a person can bring: an answer to a question, and an account of theirs."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Request

from agents import chat, starting
from agents.chat import Asked
from agents.engine import Engine
from agents.modes.chat_events import Interrupt, ToolResult
from agents.runs.request import RunRequest
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.asking import answer_of, told
from tests.agents.calling_model import CallingModel, Says, calling_model
from tests.agents.conftest import NewEngine
from tests.agents.tooling import calls_of, grant, register
from tests.serving import serving
from tools.credentials import connections
from tools.credentials.schemes import Bearer


@pytest.fixture
async def model() -> AsyncIterator[CallingModel]:
    async with calling_model() as model:
        yield model


@pytest.fixture
async def engine(new_engine: NewEngine, model: CallingModel, embeddings: LocalEmbeddings) -> Engine:
    return await new_engine(model.client(embeddings))


async def interrupted(engine: Engine, ctx: TenantContext, question: str) -> tuple[Asked, Interrupt]:
    run = await chat.ask(engine, ctx, question)
    [interrupt] = [event for event in await told(engine, ctx, run) if isinstance(event, Interrupt)]
    return run, interrupt


async def resume(engine: Engine, ctx: TenantContext, run: Asked, said: Any) -> list[Any]:
    request = RunRequest(command={"resume": said}, stream_mode=("chat",))
    accepted = await starting.start(engine, ctx, "agent", request, thread_id=run.thread_id)
    return list(await told(engine, ctx, Asked(accepted.run.run_id, run.thread_id)))


@pytest.mark.parametrize("said", ["the red one", {"answer": "the red one"}], ids=["words", "object"])
async def test_a_question_waits_for_its_answer_and_the_model_reads_it(
    engine: Engine, reader: TenantContext, model: CallingModel, said: Any
) -> None:
    await grant(engine.toolbox, reader, "ask_user")
    await grant(engine.toolbox, reader, "calculate")
    question = {"question": "Which one?", "options": ["the red one", "the blue one"]}
    model.turns = [[Says("ask_user", question), Says("calculate", {"expression": "2*3"})], "The red one it is."]
    run, interrupt = await interrupted(engine, reader, "Order a lamp.")
    assert interrupt.value == {"type": "question", **question}

    events = await resume(engine, reader, run, said)
    assert answer_of(events) == "The red one it is."
    assert sorted(model.results) == ["6", "the red one"]
    assert [call["outcome"] for call in await calls_of(engine.toolbox, reader)] == ["succeeded"] * 2


async def test_a_run_waits_for_the_callers_own_account_and_says_which(
    engine: Engine, reader: TenantContext, model: CallingModel
) -> None:
    app = FastAPI()

    @app.get("/mail")
    async def mail(request: Request) -> str:
        return "yours" if request.headers["authorization"] == "Bearer reader's own token" else "whose?"

    async with serving(app) as url:
        scheme = Bearer(id="mailbox", per_user=True)
        invocation = {"method": "GET", "url": f"{url}/mail", "security": [scheme.model_dump(mode="json")]}
        await register(engine.toolbox, reader, "mail", invocation, parameters={"type": "object"})
        model.turns = [[Says("mail")], "It is yours."]
        run, interrupt = await interrupted(engine, reader, "What is in my mailbox?")
        [wanted] = interrupt.value["connections"]
        assert (wanted["tool"], wanted["credential"], wanted["type"]) == ("mail", "mailbox", "bearer")
        assert any(isinstance(event, Interrupt) for event in await resume(engine, reader, run, "done")), "it is not"

        token = {"token": "reader's own token"}
        await connections.store(engine.database, engine.toolbox.vault, reader, "tool:mail", scheme, token)
        events = await resume(engine, reader, run, "done")
    [result] = [event for event in events if isinstance(event, ToolResult)]
    assert "yours" in result.text
    assert "own token" not in str([*events, interrupt])

"""Input that the built-in graph cannot take fails its own run, and no other."""

import json
from typing import Any

import pytest

from agents import starting
from agents.engine import Engine
from agents.runs.request import RunRequest
from core.tenancy import TenantContext
from tests.agents.asking import ask, thread_of
from tests.agents.conftest import NewEngine
from tests.agents.scripted_model import ScriptedModel

ANSWER = "Everyone at Acme gets 28 days of holiday a year [1]."


@pytest.fixture
async def engine(new_engine: NewEngine) -> Engine:
    return await new_engine(ScriptedModel(script=[ANSWER, ANSWER]))


@pytest.mark.parametrize(
    "messages", [[5], [None], [["bad"]], [{"role": "alien", "content": "x"}], [{"type": "remove", "id": "nobody"}]]
)
async def test_a_thread_answers_after_messages_that_are_none(
    engine: Engine, reader: TenantContext, messages: list[Any]
) -> None:
    thread_id = thread_of(await ask(engine, reader, "How many days of holiday do I get?"))
    refused = (
        await starting.start(engine, reader, "agent", RunRequest(input={"messages": messages}), thread_id=thread_id)
    ).run
    batches = engine.log.follow_run(reader, refused.run_id, thread_id, since=refused.events_after)
    events = [event async for batch in batches for event in batch]
    assert json.loads(events[-1].data)["status"] == "error"
    assert (await ask(engine, reader, "And now?", thread_id))[-1].type == "run_ended"

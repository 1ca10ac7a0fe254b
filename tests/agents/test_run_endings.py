"""A run that has begun to end does end: nobody reads a thread that is done and waits for its last event."""

import asyncio
import json
from uuid import uuid4

import psycopg
import pytest

from agents import starting
from agents.engine import Engine
from agents.events.log import END
from agents.execution import endings
from agents.runs.request import RunRequest
from core.telemetry import JsonFormatter
from core.tenancy import TenantContext
from tests.agents.conftest import NewEngine
from tests.agents.gates import Gates
from tests.agents.scripted_model import ScriptedModel
from tests.until import until


@pytest.fixture
def gates() -> Gates:
    return Gates()


@pytest.fixture
async def engine(new_engine: NewEngine, gates: Gates) -> Engine:
    return await new_engine(ScriptedModel(script=[]), gates.graphs())


async def test_an_executor_that_has_to_leave_a_run_finishes_its_end(
    engine: Engine, acme: TenantContext, gates: Gates, owner_url: str
) -> None:
    asked = RunRequest(input={"steps": ["a"]})
    run = (await starting.start(engine, acme, "gated", asked, thread_id=uuid4(), if_not_exists="create")).run
    await asyncio.wait_for(gates.reached["a"].wait(), 10)
    ((execution, task),) = engine.executor._running.values()
    with psycopg.connect(owner_url) as owner:
        owner.execute("SELECT FROM threads WHERE thread_id = %s FOR UPDATE", (run.thread_id,))
        gates.open["a"].set()

        async def waits_for_the_thread() -> bool:
            return owner.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount > 0

        await until(waits_for_the_thread)
        execution.abandon()
    await asyncio.wait_for(task, 10)
    assert not task.result(), "nothing else waits for the thread"
    told = [
        event async for batch in engine.log.follow_run(acme, run.run_id, run.thread_id, since=0) for event in batch
    ]
    assert told[-1].name == END
    assert '"success"' in told[-1].data


class Broken(Exception):
    """Of a graph's author."""


async def test_what_a_failed_run_was_told_stays_out_of_the_log(
    engine: Engine, acme: TenantContext, gates: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    asked = RunRequest(input={"steps": ["a"]})
    gates.open["a"].set()
    run = (await starting.start(engine, acme, "gated", asked, thread_id=uuid4(), if_not_exists="create")).run
    ending = endings.failed(Broken("my-diagnosis"), run)
    assert ending.code == "Broken"
    (line,) = [JsonFormatter().format(record) for record in caplog.records if record.message == "a run failed"]
    logged = json.loads(line)
    assert (logged["run_id"], logged["exception"]) == (str(run.run_id), "Broken")
    assert "my-diagnosis" not in line

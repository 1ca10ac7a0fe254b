"""A message that comes while a run is on the thread: four ways to take it."""

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError
from langgraph_sdk.schema import MultitaskStrategy, Run

from tests.sdk.questions import Gate, ended, new_thread


class Texting:
    """A thread whose first run stands before its gate."""

    def __init__(self, client: LangGraphClient) -> None:
        self._client = client
        self.first, self.second = Gate(client, "first"), Gate(client, "second")

    async def begin(self) -> None:
        self.thread_id = await new_thread(self._client)
        self.run = await self._client.runs.create(self.thread_id, "gated", input=self.first.input)
        await self.first.reached(self.thread_id)
        await self.second.open()

    async def again(self, strategy: MultitaskStrategy) -> Run:
        return await self._client.runs.create(
            self.thread_id, "gated", input=self.second.input, multitask_strategy=strategy
        )

    async def status_of_first(self) -> str:
        return (await ended(self._client, self.run))["status"]

    async def steps(self) -> list[str]:
        steps: list[str] = (await self._client.threads.get_state(self.thread_id))["values"]["steps"]  # type: ignore[call-overload]
        return steps


@pytest.fixture
async def texting(ann: LangGraphClient) -> Texting:
    begun = Texting(ann)
    await begun.begin()
    return begun


async def test_reject_refuses_the_second(ann: LangGraphClient, texting: Texting) -> None:
    with pytest.raises(ConflictError):
        await texting.again("reject")
    await texting.first.open()
    assert await texting.status_of_first() == "success"
    assert await texting.steps() == texting.first.passed


async def test_enqueue_runs_the_second_after_the_first(ann: LangGraphClient, texting: Texting) -> None:
    second = await texting.again("enqueue")
    assert (await ann.runs.get(texting.thread_id, second["run_id"]))["status"] == "pending"
    await texting.first.open()
    assert (await ended(ann, second))["status"] == "success"
    assert await texting.status_of_first() == "success"
    assert await texting.steps() == [*texting.first.passed, *texting.second.passed]


async def test_interrupt_keeps_what_the_first_has_done(ann: LangGraphClient, texting: Texting) -> None:
    second = await texting.again("interrupt")
    assert (await ended(ann, second))["status"] == "success"
    assert await texting.status_of_first() == "interrupted"
    assert await texting.steps() == [texting.first.passed[0], *texting.second.passed]


async def test_rollback_forgets_the_first(ann: LangGraphClient, texting: Texting) -> None:
    second = await texting.again("rollback")
    assert (await ended(ann, second))["status"] == "success"
    with pytest.raises(NotFoundError):
        await ann.runs.get(texting.thread_id, texting.run["run_id"])
    assert await texting.steps() == texting.second.passed

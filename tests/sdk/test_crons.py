"""Crons through the SDK: made, changed, found and deleted."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError
from langgraph_sdk.schema import Cron, Run

from tests.sdk.questions import new_thread, said


def _id(made: Run) -> str:
    """The SDK's type says a run; what comes is the cron."""
    return str(cast(dict[str, Any], made)["cron_id"])


async def test_a_cron_is_made_changed_and_deleted(ann: LangGraphClient) -> None:
    made = await ann.crons.create(
        "echo", schedule="0 9 * * *", input=said("wake up"), timezone="Europe/Berlin", metadata={"mine": True}
    )
    (found,) = await ann.crons.search(metadata={"mine": True})
    assert (found["cron_id"], found["schedule"], found["thread_id"]) == (_id(made), "0 9 * * *", None)
    end = datetime.now(UTC) + timedelta(days=9)
    changed: Cron = await ann.crons.update(_id(made), schedule="*/5 * * * *", end_time=end, enabled=False)
    assert (changed["schedule"], changed["enabled"]) == ("*/5 * * * *", False)
    assert await ann.crons.search(enabled=True) == []
    await ann.crons.delete(_id(made))
    with pytest.raises(NotFoundError):
        await ann.crons.delete(_id(made))
    assert await ann.crons.count() == 0


async def test_a_cron_of_a_thread_runs_on_it(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    made = await ann.crons.create_for_thread(thread_id, "echo", schedule="0 0 1 1 *", input=said("hello"))
    await ann.crons.create("nested", schedule="0 0 1 1 *", input={"text": "lamp"})
    (found,) = await ann.crons.search(thread_id=thread_id, sort_by="created_at", sort_order="asc")
    assert (found["cron_id"], found["thread_id"]) == (_id(made), thread_id)
    assert await ann.crons.count(thread_id=thread_id) == 1
    (nested,) = await ann.assistants.search(graph_id="nested")
    assert await ann.crons.count(assistant_id=nested["assistant_id"]) == 1


async def test_a_schedule_that_makes_no_sense_is_refused(ann: LangGraphClient) -> None:
    with pytest.raises(UnprocessableEntityError, match="five fields"):
        await ann.crons.create("echo", schedule="bogus")
    with pytest.raises(UnprocessableEntityError, match="timezone"):
        await ann.crons.create("echo", schedule="0 9 * * *", timezone="Mars/Olympus")

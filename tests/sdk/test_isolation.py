"""Two tenants never meet, whichever method of the SDK one of them calls with what the other has."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError
from langgraph_sdk.schema import RunCreate

from tests.sdk.methods import public_methods
from tests.sdk.questions import Gate, said


@dataclass
class Belongings:
    """What ann has: ids, and a namespace of the store."""

    assistant_id: str
    thread_id: str
    run_id: str
    cron_id: str
    namespace: list[str]


@pytest.fixture
async def of_ann(ann: LangGraphClient) -> Belongings:
    assistant = await ann.assistants.create("echo", name="Ann's", metadata={"of": "ann"})
    thread = await ann.threads.create(metadata={"of": "ann"})
    gate = Gate(ann)
    run = await ann.runs.create(thread["thread_id"], "gated", input=gate.input, metadata={"of": "ann"})
    await gate.reached(thread["thread_id"])
    cron: Any = await ann.crons.create(assistant["assistant_id"], schedule="0 0 1 1 *", input=said("ann"))
    await ann.store.put_item(["of", "ann"], "key", {"of": "ann"})
    ids = (assistant["assistant_id"], thread["thread_id"], run["run_id"], cron["cron_id"])
    return Belongings(*ids, namespace=["of", "ann"])


Call = Callable[[LangGraphClient, Belongings], Awaitable[Any]]


async def drained(stream: Any) -> list[Any]:
    return [part async for part in stream]


async def streamed_thread(client: LangGraphClient, has: Belongings) -> list[Any]:
    return await drained(await client.threads.join_stream(has.thread_id, last_event_id="-"))


# Not there for eve, as if ann had never had it.
MISSING: dict[str, Call] = {
    "assistants.delete": lambda eve, has: eve.assistants.delete(has.assistant_id),
    "assistants.get": lambda eve, has: eve.assistants.get(has.assistant_id),
    "assistants.get_graph": lambda eve, has: eve.assistants.get_graph(has.assistant_id),
    "assistants.get_schemas": lambda eve, has: eve.assistants.get_schemas(has.assistant_id),
    "assistants.get_subgraphs": lambda eve, has: eve.assistants.get_subgraphs(has.assistant_id),
    "assistants.get_versions": lambda eve, has: eve.assistants.get_versions(has.assistant_id),
    "assistants.set_latest": lambda eve, has: eve.assistants.set_latest(has.assistant_id, 1),
    "assistants.update": lambda eve, has: eve.assistants.update(has.assistant_id, name="eve's"),
    "threads.copy": lambda eve, has: eve.threads.copy(has.thread_id),
    "threads.delete": lambda eve, has: eve.threads.delete(has.thread_id),
    "threads.get": lambda eve, has: eve.threads.get(has.thread_id),
    "threads.get_history": lambda eve, has: eve.threads.get_history(has.thread_id),
    "threads.get_state": lambda eve, has: eve.threads.get_state(has.thread_id),
    "threads.join_stream": streamed_thread,
    "threads.update": lambda eve, has: eve.threads.update(has.thread_id, metadata={"of": "eve"}),
    "threads.update_state": lambda eve, has: eve.threads.update_state(has.thread_id, {"gate": "eve"}),
    "runs.cancel": lambda eve, has: eve.runs.cancel(has.thread_id, has.run_id),
    "runs.cancel_many": lambda eve, has: eve.runs.cancel_many(thread_id=has.thread_id, run_ids=[has.run_id]),
    "runs.create": lambda eve, has: eve.runs.create(has.thread_id, "echo", input=said("eve")),
    "runs.create_batch": lambda eve, has: eve.runs.create_batch(
        [cast(RunCreate, {"assistant_id": has.assistant_id})]
    ),
    "runs.delete": lambda eve, has: eve.runs.delete(has.thread_id, has.run_id),
    "runs.get": lambda eve, has: eve.runs.get(has.thread_id, has.run_id),
    "runs.join": lambda eve, has: eve.runs.join(has.thread_id, has.run_id),
    "runs.join_stream": lambda eve, has: drained(eve.runs.join_stream(has.thread_id, has.run_id)),
    "runs.list": lambda eve, has: eve.runs.list(has.thread_id),
    "runs.stream": lambda eve, has: drained(eve.runs.stream(has.thread_id, "echo", input=said("eve"))),
    "runs.wait": lambda eve, has: eve.runs.wait(has.thread_id, "echo", input=said("eve")),
    "crons.create": lambda eve, has: eve.crons.create(has.assistant_id, schedule="0 0 1 1 *"),
    "crons.create_for_thread": lambda eve, has: eve.crons.create_for_thread(
        has.thread_id, "echo", schedule="0 0 1 1 *"
    ),
    "crons.delete": lambda eve, has: eve.crons.delete(has.cron_id),
    "crons.update": lambda eve, has: eve.crons.update(has.cron_id, enabled=False),
}

# Finds nothing.
EMPTY: dict[str, Call] = {
    "assistants.count": lambda eve, has: eve.assistants.count(metadata={"of": "ann"}),
    "assistants.search": lambda eve, has: eve.assistants.search(metadata={"of": "ann"}),
    "threads.count": lambda eve, has: eve.threads.count(metadata={"of": "ann"}),
    "threads.search": lambda eve, has: eve.threads.search(ids=[has.thread_id]),
    "crons.count": lambda eve, has: eve.crons.count(thread_id=has.thread_id),
    "crons.search": lambda eve, has: eve.crons.search(assistant_id=has.assistant_id),
    "store.get_item": lambda eve, has: eve.store.get_item(has.namespace, "key"),
}

# Has an effect, or an answer, of eve's own only; each has its test below.
OF_HER_OWN = {
    "assistants.create",
    "threads.create",
    "threads.prune",
    "threads.stream",
    "store.delete_item",
    "store.list_namespaces",
    "store.put_item",
    "store.search_items",
}


def test_every_method_is_tried() -> None:
    assert set(MISSING) | set(EMPTY) | OF_HER_OWN == public_methods()


async def test_what_is_anns_is_not_there_for_eve(
    ann: LangGraphClient, eve: LangGraphClient, of_ann: Belongings
) -> None:
    found: list[str] = []
    for name, call in MISSING.items():
        try:
            await call(eve, of_ann)
            found.append(name)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:
                found.append(f"{name} {error.response.status_code}")
    assert found == []
    for name, call in EMPTY.items():
        if await call(eve, of_ann):
            found.append(name)
    assert found == []
    await assert_untouched(ann, of_ann)


async def test_eve_may_use_the_same_ids_and_meets_nobody(
    ann: LangGraphClient, eve: LangGraphClient, of_ann: Belongings
) -> None:
    mine = await eve.threads.create(thread_id=of_ann.thread_id)
    assert (mine["metadata"], await eve.runs.list(of_ann.thread_id)) == ({}, [])
    assert await eve.threads.prune([of_ann.thread_id]) == {"pruned_count": 1}
    assistant: Any = await eve.assistants.create("echo", assistant_id=of_ann.assistant_id, name="Eve's")
    assert assistant["metadata"].get("of") is None
    await eve.assistants.delete(of_ann.assistant_id)
    await assert_untouched(ann, of_ann)


async def test_eves_store_is_hers(ann: LangGraphClient, eve: LangGraphClient, of_ann: Belongings) -> None:
    assert (await eve.store.list_namespaces())["namespaces"] == []
    assert (await eve.store.search_items([]))["items"] == []
    await eve.store.put_item(of_ann.namespace, "key", {"of": "eve"})
    assert (await ann.store.get_item(of_ann.namespace, "key"))["value"] == {"of": "ann"}
    await eve.store.delete_item(of_ann.namespace, "key")
    await assert_untouched(ann, of_ann)


async def test_cancelling_everything_cancels_ones_own(
    ann: LangGraphClient, eve: LangGraphClient, of_ann: Belongings
) -> None:
    with pytest.raises(NotFoundError):
        await eve.runs.cancel_many(status="all")
    await assert_untouched(ann, of_ann)


async def assert_untouched(ann: LangGraphClient, has: Belongings) -> None:
    assert (await ann.assistants.get(has.assistant_id))["version"] == 1
    thread: Any = await ann.threads.get(has.thread_id)
    assert (thread["status"], thread["metadata"]["of"]) == ("busy", "ann")
    assert [run["run_id"] for run in await ann.runs.list(has.thread_id)] == [has.run_id]
    assert [cron["enabled"] for cron in await ann.crons.search()] == [True]
    assert (await ann.store.get_item(has.namespace, "key"))["value"] == {"of": "ann"}

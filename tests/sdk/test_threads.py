"""Threads through the SDK: their rows, their states, and what streams on them."""

from collections.abc import Awaitable
from typing import Any, cast
from uuid import uuid4

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError

from tests.sdk.questions import Gate, new_thread, said, text_of, values_of


async def test_a_thread_is_made_changed_and_deleted(ann: LangGraphClient) -> None:
    thread: Any = await ann.threads.create(metadata={"topic": "lamps"}, ttl=60)
    assert (thread["status"], thread["values"], thread["metadata"]) == ("idle", None, {"topic": "lamps"})
    changed: Any = await ann.threads.update(thread["thread_id"], metadata={"room": 1})
    assert changed["metadata"] == {"topic": "lamps", "room": 1}
    nothing: Any = await cast(
        Awaitable[Any], ann.threads.update(thread["thread_id"], metadata={"room": 2}, return_minimal=True)
    )
    assert nothing is None
    found: Any = await ann.threads.get(thread["thread_id"], include=["ttl"])
    assert found["metadata"]["room"] == 2
    await ann.threads.delete(thread["thread_id"])
    with pytest.raises(NotFoundError):
        await ann.threads.get(thread["thread_id"])
    with pytest.raises(NotFoundError):
        await ann.threads.delete(thread["thread_id"])


async def test_an_id_twice_is_a_conflict_unless_the_caller_does_not_mind(ann: LangGraphClient) -> None:
    thread_id = str(uuid4())
    await ann.threads.create(thread_id=thread_id, metadata={"first": True})
    with pytest.raises(ConflictError):
        await ann.threads.create(thread_id=thread_id)
    again: Any = await ann.threads.create(thread_id=thread_id, if_exists="do_nothing")
    assert again["metadata"] == {"first": True}


async def test_threads_are_searched_and_counted(ann: LangGraphClient) -> None:
    ids = [(await ann.threads.create(metadata={"set": "x", "n": n}))["thread_id"] for n in range(3)]
    found = await ann.threads.search(metadata={"set": "x"}, sort_by="created_at", sort_order="asc", limit=2)
    assert [each["thread_id"] for each in found] == ids[:2]
    rest = await ann.threads.search(metadata={"set": "x"}, sort_by="created_at", sort_order="asc", offset=2)
    assert [each["thread_id"] for each in rest] == ids[2:]
    (one,) = await ann.threads.search(ids=[ids[1]], select=["thread_id", "metadata"])
    assert dict(one) == {"thread_id": ids[1], "metadata": {"set": "x", "n": 1}}
    assert await ann.threads.count(metadata={"set": "x"}) == 3
    assert await ann.threads.count(metadata={"n": 1}, status="idle") == 1


async def test_a_thread_is_found_by_what_it_remembers(ann: LangGraphClient) -> None:
    thread = await ann.threads.create()
    await ann.runs.wait(thread["thread_id"], "echo", input=said("lamp"))
    extract = {"answer": "values.messages[-1].content"}
    found: Any
    (found,) = await ann.threads.search(values={"asked": "lamp"}, extract=extract)
    assert found["thread_id"] == thread["thread_id"]
    assert found["extracted"] == {"answer": "You said: lamp"}
    assert found["metadata"]["graph_id"] == "echo"
    assert await ann.threads.count(values={"asked": "moon"}) == 0


async def test_supersteps_are_written_into_a_new_thread(ann: LangGraphClient) -> None:
    thread = await ann.threads.create(
        graph_id="nested",
        supersteps=[
            {"updates": [{"values": {"text": "a"}, "as_node": "__input__"}]},
            {"updates": [{"values": {"text": "b"}, "as_node": "inner"}]},
        ],
    )
    state = await ann.threads.get_state(thread["thread_id"])
    assert (state["values"], state["next"]) == ({"text": "b"}, ["sign"])


async def test_the_state_is_read_changed_and_gone_back_to(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    await ann.runs.wait(thread_id, "nested", input={"text": "lamp"})
    first = await ann.threads.get_state(thread_id)
    assert (first["values"], first["next"]) == ({"text": "LAMP!"}, [])
    update = await ann.threads.update_state(thread_id, {"text": "moon"}, as_node="inner")
    now = await ann.threads.get_state(thread_id)
    assert (now["values"], now["next"]) == ({"text": "moon"}, ["sign"])
    assert now["checkpoint"]["checkpoint_id"] == update["checkpoint"]["checkpoint_id"]
    then = await ann.threads.get_state(thread_id, checkpoint_id=first["checkpoint"]["checkpoint_id"])
    assert then["values"] == first["values"]
    assert (await ann.threads.get_state(thread_id, first["checkpoint"]))["values"] == first["values"]
    fork = await ann.runs.wait(thread_id, "nested", checkpoint=now["checkpoint"])
    assert fork == {"text": "moon!"}


async def test_the_history_is_told_newest_first(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    await ann.runs.wait(thread_id, "nested", input={"text": "lamp"})
    history: Any = await ann.threads.get_history(thread_id)
    assert [state["values"].get("text") for state in history] == ["LAMP!", "LAMP", "lamp", None]
    assert [state["metadata"]["step"] for state in history] == [2, 1, 0, -1]
    assert history[0]["parent_checkpoint"] == history[1]["checkpoint"]
    earlier = await ann.threads.get_history(thread_id, before=history[1]["checkpoint"], limit=1)
    assert [state["checkpoint"] for state in earlier] == [history[2]["checkpoint"]]
    (found,) = await ann.threads.get_history(thread_id, metadata={"step": 0})
    assert found["checkpoint"] == history[2]["checkpoint"]


async def test_a_copy_goes_its_own_way(ann: LangGraphClient) -> None:
    thread_id = (await ann.threads.create(metadata={"topic": "lamps"}))["thread_id"]
    await ann.runs.wait(thread_id, "echo", input=said("one"))
    # The SDK's type says nothing; what comes is the thread.
    copy: Any = await cast(Awaitable[Any], ann.threads.copy(thread_id))
    assert copy["thread_id"] != thread_id and copy["metadata"]["topic"] == "lamps"
    await ann.runs.wait(copy["thread_id"], "echo", input=said("two"))
    longer, shorter = [await values_of(ann, each) for each in (copy["thread_id"], thread_id)]
    assert [len(longer["messages"]), len(shorter["messages"])] == [4, 2]
    assert text_of(longer) == "You said: two"


async def test_pruning_deletes_threads_or_only_their_past(ann: LangGraphClient) -> None:
    ids = []
    for _ in range(2):
        ids.append(await new_thread(ann))
        await ann.runs.wait(ids[-1], "nested", input={"text": "lamp"})
    assert await ann.threads.prune(ids[:1], strategy="keep_latest") == {"pruned_count": 1}
    assert len(await ann.threads.get_history(ids[0])) == 1
    assert await values_of(ann, ids[0]) == {"text": "LAMP!"}
    assert await ann.threads.prune([ids[1], str(uuid4())]) == {"pruned_count": 1}
    with pytest.raises(NotFoundError):
        await ann.threads.get(ids[1])


async def test_a_state_cannot_be_changed_under_a_run(ann: LangGraphClient) -> None:
    thread_id, gate = await new_thread(ann), Gate(ann)
    run = await ann.runs.create(thread_id, "gated", input=gate.input)
    await gate.reached(thread_id)
    assert (await ann.threads.get(thread_id))["status"] == "busy"
    with pytest.raises(ConflictError):
        await ann.threads.update_state(thread_id, {"gate": "other"})
    await gate.open()
    await ann.runs.join(thread_id, run["run_id"])
    await ann.threads.update_state(thread_id, {"gate": "other"})


async def test_whoever_joins_a_thread_sees_its_runs_one_after_the_other(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    runs = [await ann.runs.create(thread_id, "nested", input={"text": text}) for text in ("a", "b")]
    values, done = [], []
    async for part in await ann.threads.join_stream(thread_id, last_event_id="-"):
        if part.event == "values":
            values.append(part.data["text"])
        elif part.event == "metadata" and part.data.get("status") == "run_done":
            done.append(part.data["run_id"])
            if len(done) == 2:
                break
    assert values == ["a", "A", "A!", "b", "B", "B!"]
    assert done == [run["run_id"] for run in runs]

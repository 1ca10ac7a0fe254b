"""What `runs.stream` yields in each stream mode."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.schema import RunCreateMetadata, StreamPart

from tests.sdk.questions import new_thread, said, text_of

ANSWER = "You said: lamp"


async def streamed(parts: AsyncIterator[StreamPart]) -> list[StreamPart]:
    """All but the first, which names the run."""
    first, *rest = [part async for part in parts]
    assert first.event == "metadata" and first.data["run_id"]
    return rest


async def test_values_are_the_whole_state_after_each_step(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "nested", input={"text": "lamp"}))
    assert [(part.event, part.data) for part in parts] == [
        ("values", {"text": "lamp"}),
        ("values", {"text": "LAMP"}),
        ("values", {"text": "LAMP!"}),
    ]


async def test_updates_are_what_each_node_returned(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "nested", input={"text": "lamp"}, stream_mode="updates"))
    assert [(part.event, part.data) for part in parts] == [
        ("updates", {"inner": {"text": "LAMP"}}),
        ("updates", {"sign": {"text": "LAMP!"}}),
    ]


async def test_subgraphs_are_told_with_their_namespace(ann: LangGraphClient) -> None:
    parts = await streamed(
        ann.runs.stream(None, "nested", input={"text": "lamp"}, stream_mode="updates", stream_subgraphs=True)
    )
    inner, *outer = parts
    assert inner.event.startswith("updates|inner:") and inner.data == {"shout": {"text": "LAMP"}}
    assert [part.event for part in outer] == ["updates", "updates"]


async def test_message_tuples_are_the_pieces_of_the_answer(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "echo", input=said("lamp"), stream_mode="messages-tuple"))
    assert {part.event for part in parts} == {"messages"}
    pieces = [part.data[0] for part in parts]
    assert len(pieces) > 2 and {piece["type"] for piece in pieces} == {"AIMessageChunk"}
    assert "".join(piece["content"] for piece in pieces) == ANSWER
    assert {part.data[1]["langgraph_node"] for part in parts} == {"repeat"}


async def test_messages_grow_until_they_are_whole(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "echo", input=said("lamp"), stream_mode="messages"))
    assert parts[0].event == "messages/metadata"
    (message_id,) = parts[0].data
    grown = [part.data[0] for part in parts if part.event == "messages/partial"]
    assert [ANSWER.startswith(message["content"]) for message in grown] == [True] * len(grown)
    assert grown[-1]["content"] == ANSWER and {message["id"] for message in grown} == {message_id}


async def test_custom_is_what_a_node_wrote(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "echo", input=said("lamp"), stream_mode="custom"))
    assert [(part.event, part.data) for part in parts] == [("custom", {"name": "noted", "asked": "lamp"})]


async def test_tasks_are_told_when_they_begin_and_end(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "nested", input={"text": "lamp"}, stream_mode="tasks"))
    assert [(part.data["name"], "result" in part.data) for part in parts] == [
        ("inner", False),
        ("inner", True),
        ("sign", False),
        ("sign", True),
    ]


async def test_checkpoints_lead_to_the_states_they_tell(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    parts = await streamed(ann.runs.stream(thread_id, "nested", input={"text": "lamp"}, stream_mode="checkpoints"))
    assert [part.data["next"] for part in parts] == [["__start__"], ["inner"], ["sign"], []]
    for part in parts:
        named = part.data["config"]["configurable"]["checkpoint_id"]
        state = await ann.threads.get_state(thread_id, checkpoint_id=named)
        assert (state["values"] or {}) == (part.data["values"] or {})


async def test_debug_wraps_checkpoints_and_tasks(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "nested", input={"text": "lamp"}, stream_mode="debug"))
    assert [part.data["type"] for part in parts] == ["checkpoint"] + ["checkpoint", "task", "task_result"] * 2 + [
        "checkpoint"
    ]


async def test_events_are_those_of_every_runnable(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "echo", input=said("lamp"), stream_mode="events"))
    kinds = [part.data["event"] for part in parts]
    assert kinds[0] == "on_chain_start" and kinds[-1] == "on_chain_end"
    tokens = [part.data for part in parts if part.data["event"] == "on_chat_model_stream"]
    assert "".join(token["data"]["chunk"]["content"] for token in tokens) == ANSWER


async def test_several_modes_come_in_one_stream(ann: LangGraphClient) -> None:
    modes: Any = ["values", "updates", "custom", "messages-tuple"]
    parts = await streamed(ann.runs.stream(None, "echo", input=said("lamp"), stream_mode=modes))
    assert {part.event for part in parts} == {"values", "updates", "custom", "messages"}
    assert text_of(parts[-1].data) == ANSWER


async def test_an_interrupt_is_told_in_values_and_updates(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    modes: Any = ["values", "updates"]
    parts = await streamed(ann.runs.stream(thread_id, "approval", input={"item": "lamp"}, stream_mode=modes))
    asked = [part.data["__interrupt__"] for part in parts if "__interrupt__" in part.data]
    assert [interrupt["value"] for (interrupt,) in asked] == [{"question": "Buy lamp?"}] * len(modes)
    answers = await streamed(ann.runs.stream(thread_id, "approval", command={"resume": "yes"}))
    assert answers[-1].data == {"item": "lamp", "outcome": "lamp: yes"}


async def test_a_failure_is_the_last_event(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "echo", input=said("fail")))
    assert (parts[-1].event, parts[-1].data) == ("error", {"error": "ValueError", "message": "asked to fail"})


async def test_who_streams_learns_the_run_before_its_first_event(ann: LangGraphClient) -> None:
    thread_id = await new_thread(ann)
    created: list[RunCreateMetadata] = []
    parts = ann.runs.stream(thread_id, "nested", input={"text": "lamp"}, on_run_created=created.append)
    async for part in parts:
        assert created == [{"run_id": part.data["run_id"], "thread_id": thread_id}]
        break


async def test_a_tool_call_and_its_result_are_messages(ann: LangGraphClient) -> None:
    parts = await streamed(ann.runs.stream(None, "toolbox", input=said("Oslo"), stream_mode="updates"))
    call, result, answer = [next(iter(part.data.values()))["messages"][0] for part in parts]
    assert call["tool_calls"][0]["args"] == {"city": "Oslo"}
    assert (result["type"], result["tool_call_id"], result["content"]) == ("tool", "call-1", "sunny in Oslo")
    assert answer["content"] == "It is sunny in Oslo."


@pytest.mark.parametrize("flavour", ["async"])
async def test_the_second_version_of_the_stream_is_typed(ann: LangGraphClient) -> None:
    modes: Any = ["values", "updates"]
    stream = ann.runs.stream(None, "nested", input={"text": "lamp"}, stream_mode=modes, version="v2")
    parts: list[Any] = [part async for part in stream]
    assert [part["type"] for part in parts] == ["metadata", "values", "updates", "values", "updates", "values"]
    assert parts[-1]["data"] == {"text": "LAMP!"}

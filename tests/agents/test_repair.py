import asyncio
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from agents.execution.repair import INTERRUPTED, closed, repair
from agents.modes import wire_events
from agents.runs.runs import Run
from tests.agents.graphs import Graph, Toolbox, config_of, run_of


def refuses(messages: list[AnyMessage] | list[BaseMessage]) -> bool:
    """As a provider does: the results of all calls come right behind them, once each, and nothing else does."""
    open_calls: set[str] = set()
    for message in messages:
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in open_calls:
                return True
            open_calls.remove(message.tool_call_id)
        elif open_calls:
            return True
        if isinstance(message, AIMessage):
            open_calls = {str(call["id"]) for call in message.tool_calls}
    return bool(open_calls)


def next_run(run: Run) -> RunnableConfig:
    """On the same thread."""
    return config_of(replace(run, run_id=uuid4()))


def question(text: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(text)]}


async def killed(toolbox: Toolbox, run: Run) -> None:
    """Asks, and is gone when the tools have come as far as they do."""

    async def read() -> None:
        events = wire_events(toolbox.graph, run, input=question("first"), config=config_of(run))
        async with aclosing(events):
            async for _ in events:
                pass

    reading = asyncio.create_task(read())
    await toolbox.reached.wait()
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading


async def messages_of(graph: Graph, config: RunnableConfig) -> list[AnyMessage]:
    messages: list[AnyMessage] = (await graph.aget_state(config)).values["messages"]
    return messages


async def answered(toolbox: Toolbox, config: RunnableConfig, given: Any) -> list[AnyMessage]:
    """The conversation after the next run, none of whose model calls a provider refused."""
    config = await repair(toolbox.graph, config, given)
    toolbox.asked.clear()
    await toolbox.graph.ainvoke(given, config)
    assert toolbox.asked
    assert not [asked for asked in toolbox.asked if refuses(asked)]
    return await messages_of(toolbox.graph, config)


async def test_a_thread_killed_inside_a_tool_answers_its_next_message() -> None:
    toolbox, run = Toolbox("search", hanging=["search"]), run_of()
    await killed(toolbox, run)
    toolbox.hanging.clear()
    messages = await answered(toolbox, next_run(run), question("second"))
    assert [message.type for message in messages] == ["human", "ai", "tool", "human", "ai", "tool", "ai"]
    closing = messages[2]
    assert isinstance(closing, ToolMessage)
    assert (closing.content, closing.status, closing.name) == (INTERRUPTED, "error", "search")
    assert messages[-1].text == "done"


async def test_of_parallel_calls_the_finished_one_keeps_its_result() -> None:
    toolbox, run = Toolbox("search", "send", hanging=["send"]), run_of()
    await killed(toolbox, run)
    toolbox.hanging.clear()
    messages = await answered(toolbox, next_run(run), question("second"))
    results = {m.tool_call_id: m.content for m in messages if isinstance(m, ToolMessage)}
    assert results["search-1"] == "search did it"
    assert results["send-1"] == INTERRUPTED
    assert results["search-2"] == "search did it"


async def test_without_repair_the_provider_would_refuse() -> None:
    toolbox, run = Toolbox("search", hanging=["search"]), run_of()
    await killed(toolbox, run)
    toolbox.hanging.clear()
    await toolbox.graph.ainvoke(question("second"), next_run(run))
    assert any(refuses(asked) for asked in toolbox.asked)


async def test_a_repaired_thread_is_left_alone() -> None:
    toolbox, run = Toolbox("search", hanging=["search"]), run_of()
    await killed(toolbox, run)
    await repair(toolbox.graph, next_run(run), question("second"))
    before = await toolbox.graph.aget_state(config_of(run))
    await repair(toolbox.graph, next_run(run), question("second"))
    assert await toolbox.graph.aget_state(config_of(run)) == before


async def test_a_repair_is_not_taken_for_the_runs_own_progress() -> None:
    toolbox, run = Toolbox("search", hanging=["search"]), run_of()
    await killed(toolbox, run)
    second = next_run(run)
    await repair(toolbox.graph, second, question("second"))
    newest = await toolbox.graph.aget_state(config_of(run))
    assert (newest.metadata or {}).get("run_id") != second["metadata"]["run_id"]


async def test_a_pending_approval_is_not_closed_when_it_is_answered() -> None:
    toolbox, run = Toolbox("search", approved=True), run_of()
    await toolbox.graph.ainvoke(question("first"), config_of(run))
    messages = await messages_of(toolbox.graph, config_of(run))
    await repair(toolbox.graph, next_run(run), None)
    assert await messages_of(toolbox.graph, config_of(run)) == messages
    await toolbox.graph.ainvoke(Command(resume=True), next_run(run))
    messages = await messages_of(toolbox.graph, config_of(run))
    assert [message.content for message in messages if isinstance(message, ToolMessage)] == ["search did it"]


async def test_a_pending_approval_is_closed_when_the_person_talks_of_something_else() -> None:
    toolbox, run = Toolbox("search", approved=True), run_of()
    await toolbox.graph.ainvoke(question("first"), config_of(run))
    messages = await answered(toolbox, next_run(run), question("second"))
    assert [m.content for m in messages if isinstance(m, ToolMessage)] == [INTERRUPTED]
    (task,) = (await toolbox.graph.aget_state(config_of(run))).tasks
    assert task.interrupts, "the second question's tool waits for its own approval"


async def test_calls_that_the_caller_answers_are_left_to_the_caller() -> None:
    call = {"name": "open", "args": {}, "id": "c1", "type": "tool_call"}
    other = {"name": "shut", "args": {}, "id": "c2", "type": "tool_call"}
    said = iter([AIMessage("", tool_calls=[call, other]), AIMessage("thanks")])
    graph = StateGraph(MessagesState).add_node("agent", lambda _: {"messages": [next(said)]})
    compiled: Graph = graph.add_edge(START, "agent").compile(InMemorySaver())
    run = run_of()
    config = config_of(run)
    await compiled.ainvoke(question("do it"), config)
    result = {"messages": [{"role": "tool", "content": "opened", "tool_call_id": "c1"}]}
    await repair(compiled, config, result)
    await compiled.ainvoke(result, next_run(run))
    messages = await messages_of(compiled, config)
    assert not refuses(messages)
    assert [m.content for m in messages if isinstance(m, ToolMessage)] == [INTERRUPTED, "opened"]


async def test_a_result_goes_behind_its_call_even_where_the_conversation_went_on() -> None:
    toolbox, run = Toolbox("search", hanging=["search"]), run_of()
    await killed(toolbox, run)
    await toolbox.graph.aupdate_state(config_of(run), {"messages": [HumanMessage("by hand")]}, as_node="tools")
    toolbox.hanging.clear()
    messages = await answered(toolbox, next_run(run), question("second"))
    assert [m.type for m in messages[:5]] == ["human", "ai", "tool", "human", "human"]


async def test_a_fork_goes_on_from_what_was_repaired() -> None:
    toolbox, run = Toolbox("search", hanging=["search"]), run_of()
    await killed(toolbox, run)
    toolbox.hanging.clear()
    open_ = await toolbox.graph.aget_state(config_of(run))
    await answered(toolbox, next_run(run), question("second"))
    fork = next_run(run)
    fork["configurable"]["checkpoint_id"] = open_.config["configurable"]["checkpoint_id"]
    config = await repair(toolbox.graph, fork, question("other"))
    assert config["configurable"]["checkpoint_id"] != fork["configurable"]["checkpoint_id"]
    assert [m.type for m in await messages_of(toolbox.graph, config)] == ["human", "ai", "tool"]


class Numbers(TypedDict):
    messages: list[str]


async def test_a_state_whose_messages_are_something_else_is_left_alone() -> None:
    graph = StateGraph(Numbers).add_node("say", lambda _: {"messages": ["hi"]})
    compiled: Graph = graph.add_edge(START, "say").compile(InMemorySaver())
    config = config_of(run_of())
    await compiled.ainvoke({"messages": ["x"]}, config)
    assert await repair(compiled, config, {"messages": ["y"]}) == config


async def test_a_new_thread_has_nothing_to_repair() -> None:
    toolbox, config = Toolbox("search"), config_of(run_of())
    assert await repair(toolbox.graph, config, question("first")) == config
    assert (await toolbox.graph.aget_state(config)).created_at is None


def _conversation(turns: list[tuple[int, set[int], bool]]) -> list[BaseMessage]:
    """Each turn: how many tools were called, which of them answered, and whether the person went on."""
    messages: list[BaseMessage] = []
    for turn, (calls, answers, goes_on) in enumerate(turns):
        ids = [f"{turn}-{call}" for call in range(calls)]
        messages.append(AIMessage("", tool_calls=[{"name": "t", "args": {}, "id": id_} for id_ in ids]))
        messages += [ToolMessage("ok", tool_call_id=id_) for call, id_ in enumerate(ids) if call in answers]
        messages += [HumanMessage("next")] if goes_on else []
    return messages


turns = st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 2)), st.booleans()), max_size=6)


@given(turns)
def test_whatever_was_left_open_no_provider_refuses_it(told: list[tuple[int, set[int], bool]]) -> None:
    messages = _conversation(told)
    whole = closed(messages)
    assert not refuses(whole)
    assert [message for message in whole if message in messages] == messages
    assert refuses(messages) is (whole != messages)

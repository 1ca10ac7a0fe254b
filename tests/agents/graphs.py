"""Small graphs to stream, interrupt and repair, and the run that asks for them."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send, interrupt
from typing_extensions import TypedDict

from agents.modes import wire_events
from agents.runs.request import RunRequest
from agents.runs.runs import Run

Graph = CompiledStateGraph[Any, Any, Any, Any]
Events = list[tuple[str, str]]

SAID = "hello big world"


def run_of(**request: Any) -> Run:
    now = datetime.now(UTC)
    return Run(
        run_id=uuid4(),
        thread_id=uuid4(),
        user_id=uuid4(),
        assistant_id=uuid4(),
        graph_id="speaker",
        status="running",
        multitask_strategy="enqueue",
        request=RunRequest(**request),
        metadata={},
        events_after=0,
        error_code=None,
        error_detail=None,
        created_at=now,
        updated_at=now,
    )


def config_of(run: Run) -> RunnableConfig:
    """With what only the server knows, which must not reach a client."""
    named = {"thread_id": str(run.thread_id), "run_id": str(run.run_id)}
    hidden = {"langgraph_auth_user": {"tenant_id": "secret"}, "langgraph_auth_user_id": "secret", "__own": "secret"}
    return {
        "configurable": {**named, **hidden},
        "metadata": {**named, "tenant_id": "secret"},
        "run_id": run.run_id,
    }


async def streamed(graph: Graph, run: Run, input: Any, context: Any = None) -> Events:
    return [event async for event in wire_events(graph, run, input=input, config=config_of(run), context=context)]


async def _speak(state: MessagesState) -> dict[str, Any]:
    get_stream_writer()({"progress": "speaking"})
    model = GenericFakeChatModel(messages=iter([AIMessage(SAID, id="said")]))
    return {"messages": [await model.ainvoke(state["messages"])]}


def speaker() -> Graph:
    """One node that streams `SAID`."""
    return StateGraph(MessagesState).add_node("speak", _speak).add_edge(START, "speak").compile(InMemorySaver())


def nested() -> Graph:
    """The speaker inside of `child`."""
    child = StateGraph(MessagesState).add_node("speak", _speak).add_edge(START, "speak").compile()
    return StateGraph(MessagesState).add_node("child", child).add_edge(START, "child").compile(InMemorySaver())


def asker() -> Graph:
    """Waits for an answer, and says it."""

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(str(interrupt("ready?")), id="answer")]}

    return StateGraph(MessagesState).add_node("ask", ask).add_edge(START, "ask").compile(InMemorySaver())


def failing(error: Exception) -> Graph:
    def fail(state: MessagesState) -> dict[str, Any]:
        raise error

    return StateGraph(MessagesState).add_node("fail", fail).add_edge(START, "fail").compile(InMemorySaver())


class CallState(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]
    call: str


class Toolbox:
    """An agent whose model calls `calls` for every question; the tools named in `hanging` never end.

    `reached` is set when one hangs and the others have ended. `approved` asks before each tool.
    `asked` are the conversations that the model was shown.
    """

    def __init__(self, *calls: str, hanging: Iterable[str] = (), approved: bool = False) -> None:
        self.hanging = set(hanging)
        self.reached = asyncio.Event()
        self.asked: list[list[AnyMessage]] = []
        self._calls = calls
        self._approved = approved
        self._questions = 0
        self._done: set[str] = set()
        self._others_done = asyncio.Event()
        graph = StateGraph(CallState).add_node("agent", self._agent).add_node("tools", self._tools)
        graph.add_edge(START, "agent").add_edge("tools", "agent")
        graph.add_conditional_edges("agent", self._route, ["tools", "__end__"])
        self.graph: Graph = graph.compile(InMemorySaver())

    async def _agent(self, state: CallState) -> dict[str, Any]:
        self.asked.append(list(state["messages"]))
        if not isinstance(state["messages"][-1], HumanMessage):
            return {"messages": [AIMessage("done")]}
        self._questions += 1
        calls = [
            {"name": call, "args": {}, "id": f"{call}-{self._questions}", "type": "tool_call"} for call in self._calls
        ]
        return {"messages": [AIMessage("", tool_calls=calls)]}

    def _route(self, state: CallState) -> Any:
        last = state["messages"][-1]
        assert isinstance(last, AIMessage)
        return [Send("tools", {"messages": [], "call": call["id"]}) for call in last.tool_calls] or "__end__"

    async def _tools(self, state: CallState) -> dict[str, Any]:
        name = state["call"].split("-")[0]
        if self._approved and not interrupt(f"may {name} run?"):
            return {"messages": [ToolMessage("refused", tool_call_id=state["call"])]}
        if name in self.hanging:
            if self._done < set(self._calls) - self.hanging:
                await self._others_done.wait()
            self.reached.set()
            await asyncio.Event().wait()
        self._done.add(name)
        if self._done == set(self._calls) - self.hanging:
            self._others_done.set()
        return {"messages": [ToolMessage(f"{name} did it", tool_call_id=state["call"])]}

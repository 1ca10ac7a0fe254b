"""A small graph that talks, and how tests ask it."""

from typing import Annotated, Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.pregel import Pregel
from psycopg import sql
from typing_extensions import TypedDict

from core.db import Database
from core.tenancy import TenantContext

Graph = Pregel[Any, Any, Any, Any]
CHECKPOINT_TABLES = ("checkpoints", "checkpoint_values", "checkpoint_writes")


class Conversation(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]
    question: str


def appended(noted: list[str], added: list[list[str]]) -> list[str]:
    return [*noted, *(note for notes in added for note in notes)]


class Notes(TypedDict):
    """Its list is stored as what was written to it."""

    notes: Annotated[list[str], DeltaChannel(appended, list)]


async def contextualize(state: Conversation) -> dict[str, Any]:
    return {"question": state["messages"][-1].content}


async def answer(state: Conversation) -> dict[str, Any]:
    text = f"{state['question']}, you ask? It is answer {len(state['messages'])}."
    return {"messages": [AIMessage(text, id=f"answer-{len(state['messages'])}")]}


async def note(state: Notes) -> dict[str, Any]:
    return {"notes": [f"noted {len(state['notes'])}"]}


def conversation(saver: BaseCheckpointSaver[Any]) -> Graph:
    graph = StateGraph(Conversation)
    graph.add_node(contextualize)
    graph.add_node(answer)
    graph.add_edge(START, "contextualize")
    graph.add_edge("contextualize", "answer")
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=saver)


def notebook(saver: BaseCheckpointSaver[Any]) -> Graph:
    graph = StateGraph(Notes)
    graph.add_node(note)
    graph.add_edge(START, "note")
    graph.add_edge("note", END)
    return graph.compile(checkpointer=saver)


def thread(thread_id: str | None = None, **configurable: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id or str(uuid4()), **configurable}}


async def ask(graph: Graph, config: RunnableConfig, text: str, **message: Any) -> None:
    question = {"role": "user", "content": text, "id": f"question-{text}", **message}
    await graph.ainvoke({"messages": [question]}, config, durability="sync")


async def texts(graph: Graph, config: RunnableConfig) -> list[str]:
    state = await graph.aget_state(config)
    return [message.content for message in state.values.get("messages", [])]


async def stored_bytes(database: Database, ctx: TenantContext) -> int:
    """Of all rows, without indexes and free space."""
    total = 0
    async with database.tenant_transaction(ctx) as connection:
        for table in CHECKPOINT_TABLES:
            size = sql.SQL("SELECT coalesce(sum(pg_column_size(t.*)), 0)::bigint AS bytes FROM {} t")
            row = await (await connection.execute(size.format(sql.Identifier(table)))).fetchone()
            assert row is not None
            total += row["bytes"]
    return total


async def rows(database: Database, ctx: TenantContext) -> dict[str, int]:
    counts = {}
    async with database.tenant_transaction(ctx) as connection:
        for table in CHECKPOINT_TABLES:
            count = sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier(table))
            row = await (await connection.execute(count)).fetchone()
            assert row is not None
            counts[table] = row["rows"]
    return counts

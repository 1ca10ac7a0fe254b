"""What the state of a graph of one's own holds comes back from a checkpoint as what it was."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel
from typing_extensions import TypedDict

from core.db import Database
from core.tenancy import TenantContext
from graphs.catalog.catalog import Catalog
from graphs.catalog.factories import AnyGraph, Factory, factory
from graphs.catalog.loading import OwnGraph
from graphs.chat import chat_graph
from graphs.checkpoints.checkpointer import TenantSaver
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.retriever import Retriever
from tools.toolbox import Toolbox


class Address(BaseModel):
    city: str


@dataclass
class Order:
    pieces: int


class Shop(TypedDict):
    address: Address
    order: Order


def _ship(state: Shop) -> dict[str, Any]:
    return {"order": Order(state["order"].pieces + 1)}


def _graph() -> AnyGraph:
    return StateGraph(Shop).add_node("ship", _ship).add_edge(START, "ship").compile()


@pytest.mark.parametrize("own", [_graph(), factory(_graph)], ids=["graph", "factory"])
async def test_models_and_dataclasses_come_back_as_themselves(
    database: Database, acme: TenantContext, own: AnyGraph | Factory
) -> None:
    agent = chat_graph(Retriever(database, LocalEmbeddings()), FakeListChatModel(responses=[]), cast(Toolbox, None))
    catalog = Catalog(agent, {"shop": OwnGraph(own)})
    config: RunnableConfig = {"configurable": {"thread_id": str(uuid4())}}

    def opened() -> AbstractAsyncContextManager[AnyGraph]:
        saver = TenantSaver(database, acme)
        return catalog.open("shop", config=config, access="threads.read", store=InMemoryStore(), checkpointer=saver)

    async with opened() as graph:
        await graph.ainvoke({"address": Address(city="Bergen"), "order": Order(1)}, config)
    async with opened() as graph:
        assert (await graph.aget_state(config)).values == {"address": Address(city="Bergen"), "order": Order(2)}

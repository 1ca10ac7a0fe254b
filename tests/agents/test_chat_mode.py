import json
from typing import Any

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from graphs.state import ChatState, Citation, Source
from graphs.steps import CITE, CONTEXTUALIZE, RESPOND, RETRIEVE
from tests.agents.graphs import SAID, Events, Graph, config_of, run_of, streamed

ASK = {"messages": [("human", "how many?")]}
SOURCE = Source(
    number=1,
    document_id="d",
    document_name="holidays.md",
    knowledge_base_id="k",
    version=1,
    ordinal=0,
    headings=[],
    text="28 days",
    page_start=None,
    page_end=None,
    start=0,
    end=7,
    score=0.5,
)
CITATION = Citation(
    number=1,
    document_id="d",
    document_name="holidays.md",
    page=None,
    claim=SAID,
    claim_start=0,
    claim_end=5,
    quote="28 days",
    quote_start=0,
    quote_end=7,
    supported=True,
)


def agent() -> Graph:
    """With the nodes of the built-in agent, and nothing behind them."""

    async def respond(state: ChatState) -> dict[str, Any]:
        model = GenericFakeChatModel(messages=iter([AIMessage(SAID)]))
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(ChatState)
    graph.add_node(CONTEXTUALIZE, lambda _: {"question": "how many days?"})
    graph.add_node(RETRIEVE, lambda _: {"sources": [SOURCE]})
    graph.add_node(RESPOND, respond)
    graph.add_node(CITE, lambda _: {"citations": [CITATION]})
    graph.add_edge(START, CONTEXTUALIZE).add_edge(CONTEXTUALIZE, RETRIEVE)
    return graph.add_edge(RETRIEVE, RESPOND).add_edge(RESPOND, CITE).compile(InMemorySaver())


def told(events: Events) -> list[dict[str, Any]]:
    """Each goes by its type."""
    parsed = [json.loads(data) for _, data in events]
    assert [event["type"] for event in parsed] == [name for name, _ in events]
    return parsed


async def test_a_question_is_told_from_search_to_citation() -> None:
    events = told(await streamed(agent(), run_of(stream_mode=("chat",)), ASK))
    tokens = [event["text"] for event in events if event["type"] == "token"]
    assert "".join(tokens) == SAID
    assert len(tokens) > 1
    assert [(event["type"], event.get("stage")) for event in events if event["type"] != "token"] == [
        ("status", "searching"),
        ("sources", None),
        ("status", "answering"),
        ("status", "citing"),
        ("citation", None),
    ]
    assert events[1]["question"] == "how many days?"
    assert events[1]["sources"] == [SOURCE]
    assert events[-1]["citation"] == CITATION


async def test_a_run_that_goes_on_remembers_what_it_found_out() -> None:
    graph, run = agent(), run_of(stream_mode=("chat",))
    await graph.ainvoke(ASK, config_of(run), interrupt_before=[RETRIEVE])
    sources = told(await streamed(graph, run, None))[1]
    assert sources["question"] == "how many days?"


async def test_chat_stands_beside_other_modes() -> None:
    events = await streamed(agent(), run_of(stream_mode=("chat", "values")), ASK)
    assert {"values", "token", "citation"} <= {name for name, _ in events}

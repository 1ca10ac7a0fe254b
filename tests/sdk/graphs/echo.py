"""Two nodes: one notes the question, the other repeats it as a model does, word by word."""

from typing import Any

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.stream import CustomTransformer, UpdatesTransformer


class Talk(MessagesState):
    asked: str


async def note(state: Talk) -> dict[str, Any]:
    asked = state["messages"][-1].text
    get_stream_writer()({"name": "noted", "asked": asked})
    return {"asked": asked}


async def repeat(state: Talk) -> dict[str, Any]:
    if state["asked"] == "fail":
        raise ValueError("asked to fail")
    model = GenericFakeChatModel(messages=iter([AIMessage(f"You said: {state['asked']}")]))
    return {"messages": [await model.ainvoke(state["messages"])]}


builder = StateGraph(Talk)
builder.add_node("note", note)
builder.add_node("repeat", repeat)
builder.add_edge(START, "note")
builder.add_edge("note", "repeat")
builder.add_edge("repeat", END)
graph = builder.compile(transformers=[UpdatesTransformer, CustomTransformer])

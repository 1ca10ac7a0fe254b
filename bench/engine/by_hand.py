"""The baseline for streaming: what one writes by hand around a graph."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import BaseModel
from sse_starlette import EventSourceResponse

from bench.engine.two_nodes.graph import graph

app = FastAPI()


@app.post("/stream")
async def stream(body: dict[str, Any]) -> EventSourceResponse:
    return EventSourceResponse(_events(body["input"]))


async def _events(input_: Any) -> AsyncIterator[dict[str, str]]:
    async for event in graph.astream_events(input_, version="v2"):
        yield {"event": event["event"], "data": orjson.dumps(event, default=_encoded).decode()}


def _encoded(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else str(value)

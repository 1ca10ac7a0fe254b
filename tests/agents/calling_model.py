"""An OpenAI-compatible model over the wire that calls tools as it is told: well, badly or with malice."""

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from core.llm.config import ChatModelConfig
from core.llm.provider import chat_model
from tests.serving import serving


@dataclass(frozen=True, slots=True)
class Says:
    """One call of a tool as the model writes it: `arguments` may be anything, also no JSON."""

    name: str
    arguments: Any = field(default_factory=dict)
    id: str | None = None


Turn = str | Sequence[Says]


@dataclass
class CallingModel:
    """Answers the next request with the next of `turns`, and when there is none with what `then` makes of it."""

    turns: list[Turn] = field(default_factory=list)
    then: Callable[[dict[str, Any]], Turn] = lambda request: "Done."
    requests: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    @property
    def offered(self) -> list[str]:
        """The tools of the last request."""
        return [tool["function"]["name"] for tool in self.requests[-1].get("tools", ())]

    @property
    def results(self) -> list[str]:
        """The tool results in the last request."""
        return [message["content"] for message in self.requests[-1]["messages"] if message["role"] == "tool"]

    def client(self, offline: Embeddings) -> BaseChatModel:
        return chat_model(ChatModelConfig(base_url=self.url, max_retries=0), offline=offline)

    def turn(self, request: dict[str, Any]) -> Turn:
        if follow_up := re.search(r"<follow_up>(.*)</follow_up>", request["messages"][-1]["content"] or ""):
            return follow_up[1]
        self.requests.append(request)
        return self.turns.pop(0) if self.turns else self.then(request)


@asynccontextmanager
async def calling_model() -> AsyncIterator[CallingModel]:
    model = CallingModel()
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> StreamingResponse:
        return StreamingResponse(iter(_events(model.turn(await request.json()))), media_type="text/event-stream")

    async with serving(app) as url:
        model.url = f"{url}/v1"
        yield model


def _events(turn: Turn) -> list[str]:
    if isinstance(turn, str):
        return [
            _event({"role": "assistant", "content": turn}),
            _event({}, finish="stop"),
            _usage(),
            "data: [DONE]\n\n",
        ]
    calls = [
        {
            "index": number,
            "id": f"call_{number}" if each.id is None else each.id,
            "type": "function",
            "function": {
                "name": each.name,
                "arguments": each.arguments if isinstance(each.arguments, str) else json.dumps(each.arguments),
            },
        }
        for number, each in enumerate(turn)
    ]
    said = _event({"role": "assistant", "content": None, "tool_calls": calls})
    return [said, _event({}, finish="tool_calls"), _usage(), "data: [DONE]\n\n"]


def _event(delta: dict[str, Any], finish: str | None = None) -> str:
    return _chunk([{"index": 0, "delta": delta, "finish_reason": finish}])


def _usage() -> str:
    return _chunk([], usage={"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10})


def _chunk(choices: list[dict[str, Any]], **more: Any) -> str:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "calling"}
    return f"data: {json.dumps({**head, 'choices': choices, **more})}\n\n"

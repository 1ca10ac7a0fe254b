"""An OpenAI-compatible endpoint on this machine that answers well, badly or not at all, as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

Behaviour = Literal["well", "429", "500", "garbage", "empty", "half", "stall", "stall midway", "hang up", "huge"]

_EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
_HUGE = "The lamps are lit at dusk and the halls are warm. " * 40_000
_END_OF_STREAM = b"data: [DONE]\n\n"


@dataclass
class ModelEndpoint:
    """`script` says how the next requests are met, each in turn, and `then` how all after them.

    `by_model` goes before both.
    """

    url: str = ""
    answer: str = "Everyone at Acme gets 28 days of holiday a year [1]."
    script: list[Behaviour] = field(default_factory=list)
    then: Behaviour = "well"
    by_model: dict[str, Behaviour] = field(default_factory=dict)
    requests: list[dict[str, object]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
            request = json.loads(await reader.readexactly(int(headers["content-length"])))
            self.requests.append(request)
            self.authorizations.append(headers["authorization"])
            await self._respond(self._behaviour(request["model"]), writer, headers["authorization"])
            await writer.drain()
        except ConnectionError:
            pass  # the client gave up first
        finally:
            writer.close()

    def _behaviour(self, model: str) -> Behaviour:
        if model in self.by_model:
            return self.by_model[model]
        return self.script.pop(0) if self.script else self.then

    async def _respond(self, behaviour: Behaviour, writer: asyncio.StreamWriter, key: str) -> None:
        match behaviour:
            case "429" | "500":
                body = json.dumps({"error": {"message": f"not now, {key}", "type": "x"}}).encode()
                status = b"HTTP/1.1 %s Sorry\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                writer.write(status % (behaviour.encode(), len(body)) + body)
            case "garbage":
                writer.write(_EVENTS + b"data: {<html>" + key.encode() + b"\xff\xfe\n\n" + _END_OF_STREAM)
            case "empty":
                writer.write(_EVENTS + _END_OF_STREAM)
            case "stall":
                await asyncio.Event().wait()
            case "hang up":
                pass
            case "half" | "stall midway":
                writer.write(_EVENTS + _piece("Everyone at Acme "))
                await writer.drain()
                if behaviour == "stall midway":
                    await asyncio.Event().wait()
            case "well" | "huge":
                text = self.answer if behaviour == "well" else _HUGE
                pieces = b"".join(_piece(text[start : start + 1000]) for start in range(0, len(text), 1000))
                writer.write(_EVENTS + pieces + _piece("", finish="stop") + _USAGE + _END_OF_STREAM)


def _piece(text: str, finish: str | None = None) -> bytes:
    delta = {"role": "assistant", "content": text}
    return _event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _event(fields: dict[str, object]) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "wire"}
    return b"data: " + json.dumps(head | fields).encode() + b"\n\n"


_USAGE = _event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}})


@asynccontextmanager
async def model_endpoint() -> AsyncIterator[ModelEndpoint]:
    endpoint = ModelEndpoint()
    async with asyncio.TaskGroup() as connections:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving.append(connections.create_task(endpoint.serve(reader, writer)))

        serving: list[asyncio.Task[None]] = []
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield endpoint
        server.close()
        for task in serving:
            task.cancel()

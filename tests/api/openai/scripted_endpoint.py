"""An OpenAI-compatible model on this machine that calls the first tool it is given, and answers from its result."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

BREAK_OFF = "Break off, please."
HANG = "Never end, please."


@dataclass
class ScriptedEndpoint:
    """`requests` are the bodies that came, the oldest first."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def scripted_endpoint() -> Iterator[ScriptedEndpoint]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            endpoint.requests.append(request)
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for chunk in _chunks(request):
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                self.wfile.flush()
                if HANG in request["messages"][-1]["content"]:
                    closing.wait()
            if BREAK_OFF not in request["messages"][-1]["content"]:
                self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    closing = Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint = ScriptedEndpoint(f"http://127.0.0.1:{server.server_address[1]}/v1")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield endpoint
    finally:
        closing.set()
        server.shutdown()
        server.server_close()


def _chunks(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    last = request["messages"][-1]
    if last["role"] == "tool":
        yield from (_piece({"content": word}) for word in ("The tool says ", last["content"], "."))
        yield _piece({}, "stop")
    elif tools := request.get("tools"):
        called = {"name": tools[0]["function"]["name"], "arguments": ""}
        yield _piece({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": called}]})
        for part in ('{"city":', ' "Bergen"}'):
            yield _piece({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
        yield _piece({}, "tool_calls")
    else:
        yield from (_piece({"content": word}) for word in ("Here ", "you ", "are."))
        if BREAK_OFF in last["content"]:
            return
        yield _piece({}, "length" if request.get("max_completion_tokens") == 1 else "stop")
    yield _head([]) | {"usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}


def _piece(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return _head([{"index": 0, "delta": {"role": "assistant"} | delta, "finish_reason": finish}])


def _head(choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "wire", "choices": choices}

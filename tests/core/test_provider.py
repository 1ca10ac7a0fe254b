"""The OpenAI wire, byte for byte, as endpoints send it on good days and on bad ones."""

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import respx
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from pydantic import SecretStr

from core.breaker import BreakerPolicy
from core.errors import OperatorError
from core.llm import errors
from core.llm.breakers import model_breakers
from core.llm.offline import OfflineModel
from core.llm.provider import ChatModelConfig, chat_model

KEY = "sk-very-secret-key"
PASSWORD = "hunter2-in-the-url"
URL = "https://llm.example/v1"
PROVIDER_WORDS = "provider-internals"
OFFLINE = DeterministicFakeEmbedding(size=8)
AT_ONCE = {"retry-after-ms": "1"}  # what the endpoint asks for in place of a backoff


def event(delta: dict[str, Any], finish_reason: str | None = None, model: str = "first") -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
HALF = ROLE + event({"content": "Ten "})
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = HALF + event({"content": "weeks."}) + event({}, "stop") + USAGE + DONE
WHOLE_OF_SECOND = event({"content": "Eleven."}, model="second") + event({}, "stop", "second") + USAGE + DONE


def sse(body: bytes) -> httpx.Response:
    return httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})


def failing(status: int) -> httpx.Response:
    body = {"error": {"message": f"{PROVIDER_WORDS}: bad key {KEY}"}}
    return httpx.Response(status, json=body, headers=AT_ONCE)


class Stream(httpx.AsyncByteStream):
    """Sends `body`, then stalls for good or breaks the connection."""

    def __init__(self, body: bytes, *, stalls: bool = False) -> None:
        self.body = body
        self.stalls = stalls

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body
        if self.stalls:
            await asyncio.Event().wait()
        raise httpx.RemoteProtocolError(f"{PROVIDER_WORDS}: peer closed connection")


def broken(body: bytes, *, stalls: bool = False) -> httpx.Response:
    return httpx.Response(200, stream=Stream(body, stalls=stalls), headers={"content-type": "text/event-stream"})


@pytest.fixture
def wire() -> Any:
    with respx.mock(base_url=URL) as router:
        yield router.post("/chat/completions")


def model(**changes: Any) -> BaseChatModel:
    breakers = changes.pop("breakers", None)
    settings: dict[str, Any] = {"base_url": URL, "api_key": SecretStr(KEY), "model": "first"} | changes
    return chat_model(
        ChatModelConfig(**settings), offline=OFFLINE, breakers=breakers, http_client=httpx.AsyncClient()
    )


async def streamed(chat: BaseChatModel) -> AIMessageChunk:
    whole = AIMessageChunk(content="")
    async for chunk in chat.astream("How long?"):
        whole += chunk
    return whole


def requested(wire: respx.Route) -> list[str]:
    return [json.loads(call.request.content)["model"] for call in wire.calls]


def test_without_an_address_the_offline_model_answers() -> None:
    assert isinstance(chat_model(ChatModelConfig(), offline=OFFLINE), OfflineModel)


async def test_stream_carries_text_usage_and_model(wire: respx.Route) -> None:
    wire.return_value = sse(WHOLE)
    answer = await streamed(model())
    assert answer.text == "Ten weeks."
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] == 9
    assert answer.response_metadata["model_name"] == "first"
    assert wire.calls.last.request.headers["authorization"] == f"Bearer {KEY}"


async def test_whole_answer_is_the_collected_stream(wire: respx.Route) -> None:
    wire.return_value = sse(WHOLE)
    answer = await model().ainvoke("How long?")
    assert answer.text == "Ten weeks."
    assert answer.response_metadata["model_name"] == "first"


async def test_rate_limit_is_retried(wire: respx.Route) -> None:
    wire.side_effect = [failing(429), sse(WHOLE)]
    assert (await streamed(model())).text == "Ten weeks."


async def test_retries_end(wire: respx.Route) -> None:
    wire.return_value = failing(500)
    with pytest.raises(errors.ModelUnavailable):
        await streamed(model(max_retries=2))
    assert wire.call_count == 3


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (failing(400), "model_rejected_request"),
        (failing(401), "model_rejected_request"),
        (failing(404), "model_rejected_request"),
        (failing(429), "model_rate_limited"),
        (failing(503), "model_unavailable"),
        (failing(504), "model_timeout"),
        (httpx.ConnectError(PROVIDER_WORDS), "model_unavailable"),
        (httpx.ConnectTimeout(PROVIDER_WORDS), "model_timeout"),
        (sse(b""), "model_bad_response"),
        (sse(DONE), "model_bad_response"),
        (sse(ROLE + event({}, "stop") + DONE), "model_bad_response"),
        (sse(b"<html>It works!</html>"), "model_bad_response"),
        (sse(b"data: {not json\n\n"), "model_bad_response"),
        (sse(b"data: \xff\xfe\x00\n\n"), "model_bad_response"),
        (sse(b'data: ["a", 1]\n\n'), "model_bad_response"),
        (sse(b'data: {"choices": [{"delta": 7}]}\n\n'), "model_bad_response"),
        (sse(b'data: {"choices": "none"}\n\n'), "model_bad_response"),
        (sse(HALF + b"data: {not json\n\n"), "model_bad_response"),
        (sse(b'data: {"error": {"message": "provider-internals"}}\n\n'), "model_unavailable"),
        (sse(HALF + b'data: {"error": {"message": "provider-internals"}}\n\n'), "model_stream_interrupted"),
        (sse(HALF), "model_stream_interrupted"),
        (sse(HALF + DONE), "model_stream_interrupted"),
        (broken(HALF), "model_stream_interrupted"),
        (broken(ROLE), "model_unavailable"),
        (broken(b"", stalls=True), "model_timeout"),
        (broken(HALF, stalls=True), "model_timeout"),
    ],
)
async def test_every_failure_is_one_error_without_secrets(
    wire: respx.Route,
    response: httpx.Response | Exception,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    wire.side_effect = [response]
    chat = model(max_retries=0, timeout_seconds=0.05, base_url=f"https://user:{PASSWORD}@llm.example/v1")
    with pytest.raises(errors.ModelError) as caught:
        await streamed(chat)
    assert caught.value.code == code
    told = "".join([*traceback.format_exception(caught.value), repr(caught.value), repr(chat), caplog.text])
    for secret in (KEY, PASSWORD, PROVIDER_WORDS):
        assert secret not in told


async def test_credentials_in_the_address_travel_as_basic_authorization(wire: respx.Route) -> None:
    wire.return_value = sse(WHOLE)
    await streamed(model(base_url="https://user:p%40ss@llm.example/v1"))
    assert wire.calls.last.request.headers["authorization"] == "Basic dXNlcjpwQHNz"


async def test_endpoint_without_a_key_never_gets_the_environments(
    wire: respx.Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    wire.return_value = sse(WHOLE)
    await streamed(model(api_key=None))
    assert KEY not in str(wire.calls.last.request.headers.raw)


@pytest.mark.parametrize("address", ["llm.example/v1", "ftp://llm.example", f"{PASSWORD}://", "https://"])
def test_unusable_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(OperatorError) as caught:
        model(base_url=address)
    assert PASSWORD not in caught.value.detail


@pytest.mark.parametrize("response", [failing(500), failing(404), sse(b""), broken(ROLE)])
async def test_fallback_answers_when_the_first_model_said_nothing(
    wire: respx.Route, response: httpx.Response
) -> None:
    wire.side_effect = [response, sse(WHOLE_OF_SECOND)]
    answer = await streamed(model(fallback_model="second", max_retries=0))
    assert answer.text == "Eleven."
    assert answer.response_metadata["model_name"] == "second"
    assert requested(wire) == ["first", "second"]


async def test_half_an_answer_is_never_continued_by_the_fallback(wire: respx.Route) -> None:
    wire.side_effect = [broken(HALF), sse(WHOLE_OF_SECOND)]
    seen = ""
    with pytest.raises(errors.ModelStreamInterrupted):
        async for chunk in model(fallback_model="second").astream("How long?"):
            seen += chunk.text
    assert seen == "Ten "
    assert requested(wire) == ["first"]


async def test_the_fallbacks_failure_is_told_when_both_fail(wire: respx.Route) -> None:
    wire.side_effect = [failing(500), failing(429)]
    with pytest.raises(errors.ModelRateLimited):
        await streamed(model(fallback_model="second", max_retries=0))


async def test_model_that_keeps_failing_is_left_alone_then_probed_once(wire: respx.Route) -> None:
    now = 0.0
    breakers = model_breakers(BreakerPolicy(min_calls=2), clock=lambda: now)
    wire.return_value = failing(500)
    for _ in range(3):
        with pytest.raises(errors.ModelUnavailable):
            await streamed(model(max_retries=0, breakers=breakers))
    assert wire.call_count == 2
    now = 30.0
    wire.return_value = sse(WHOLE)
    assert (await streamed(model(breakers=breakers))).text == "Ten weeks."
    assert wire.call_count == 3


async def test_open_breaker_sends_questions_to_the_fallback(wire: respx.Route) -> None:
    chat = model(fallback_model="second", max_retries=0, breakers=model_breakers(BreakerPolicy(min_calls=1)))
    wire.side_effect = [failing(500), sse(WHOLE_OF_SECOND), sse(WHOLE_OF_SECOND)]
    await streamed(chat)
    await streamed(chat)
    assert requested(wire) == ["first", "second", "second"]


async def test_reader_who_leaves_closes_the_connection(wire: respx.Route) -> None:
    closed = asyncio.Event()

    class Watched(Stream):
        async def aclose(self) -> None:
            closed.set()

    wire.return_value = httpx.Response(200, stream=Watched(HALF, stalls=True))
    chunks = model(fallback_model="second").astream("How long?")
    assert (await anext(chunks)).text == ""
    await chunks.aclose()  # type: ignore[attr-defined]
    await asyncio.wait_for(closed.wait(), timeout=5)


async def test_connection_cut_on_a_real_socket_is_an_interruption() -> None:
    """Through the client's own transport, which respx does not reach."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n" + HALF)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        config = ChatModelConfig(f"http://127.0.0.1:{port}/v1", SecretStr(KEY), "first", max_retries=0)
        with pytest.raises(errors.ModelStreamInterrupted):
            await streamed(chat_model(config, offline=OFFLINE))
    with pytest.raises(errors.ModelUnavailable):  # nobody listens there any more
        await streamed(chat_model(config, offline=OFFLINE))

"""However the model's endpoint fails: one typed event, the question kept, the next question answered."""

import logging
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from agents.modes.chat_events import RunEnded, RunFailed, RunStarted, Usage
from core.db import Database
from core.llm.config import ChatModelConfig
from core.llm.guarded import LONGEST_ANSWER
from core.llm.provider import chat_model
from core.telemetry import JsonFormatter
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.asking import answer_of, ask, failure_of, rows, thread_of
from tests.agents.conftest import NewEngine
from tests.agents.model_endpoint import Behaviour, ModelEndpoint, model_endpoint

KEY = "sk-the-key-nobody-may-see"
QUESTION = "How many days of holiday do I get?"
FAILURES: list[tuple[Behaviour, str]] = [
    ("429", "model_rate_limited"),
    ("500", "model_unavailable"),
    ("hang up", "model_unavailable"),
    ("garbage", "model_bad_response"),
    ("empty", "model_bad_response"),
    ("half", "model_stream_interrupted"),
    ("stall", "model_timeout"),
    ("stall midway", "model_timeout"),
]


@pytest.fixture
async def endpoint() -> AsyncIterator[ModelEndpoint]:
    async with model_endpoint() as running:
        yield running


def config(endpoint: ModelEndpoint, *, max_retries: int = 0, fallback_model: str | None = None) -> ChatModelConfig:
    return ChatModelConfig(
        base_url=endpoint.url,
        api_key=SecretStr(KEY),
        model="first",
        fallback_model=fallback_model,
        timeout_seconds=0.5,
        max_retries=max_retries,
    )


async def test_an_answer_over_the_wire_is_cited_and_counted(
    database: Database,
    reader: TenantContext,
    new_engine: NewEngine,
    endpoint: ModelEndpoint,
    embeddings: LocalEmbeddings,
) -> None:
    engine = await new_engine(chat_model(config(endpoint), offline=embeddings))
    events = await ask(engine, reader, QUESTION)
    assert answer_of(events) == endpoint.answer
    (cited,) = [event.citation for event in events if event.type == "citation"]
    assert (cited["supported"], cited["document_name"]) == (True, "holidays.md")
    assert [(event.input_tokens, event.output_tokens) for event in events if isinstance(event, Usage)] == [(7, 3)]
    assert endpoint.authorizations == [f"bearer {KEY}"]


@pytest.mark.parametrize(("behaviour", "code"), FAILURES)
async def test_a_failing_endpoint_ends_the_run_and_nothing_else(
    database: Database,
    reader: TenantContext,
    new_engine: NewEngine,
    endpoint: ModelEndpoint,
    embeddings: LocalEmbeddings,
    caplog: pytest.LogCaptureFixture,
    behaviour: Behaviour,
    code: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    engine = await new_engine(chat_model(config(endpoint), offline=embeddings))
    endpoint.script = [behaviour]
    events = await ask(engine, reader, QUESTION)
    failed = failure_of(events)
    assert failed.code == code
    again = await ask(engine, reader, "Again, please?", thread_of(events))
    assert isinstance(again[-1], RunEnded)
    questions = [row["content"] for row in await rows(database, reader, "messages") if row["role"] == "user"]
    assert questions == [QUESTION, "Again, please?"]
    assert [(row["status"], row["error_code"]) for row in await rows(database, reader, "runs")] == [
        ("error", code),
        ("success", None),
    ]
    logged = [JsonFormatter().format(record) for record in caplog.records]
    stored = [await rows(database, reader, table) for table in ("runs", "messages", "usage_records")]
    assert KEY not in repr((events, again, stored, logged))


async def test_an_endless_answer_is_cut_off(
    database: Database,
    reader: TenantContext,
    new_engine: NewEngine,
    endpoint: ModelEndpoint,
    embeddings: LocalEmbeddings,
) -> None:
    endpoint.then = "huge"
    engine = await new_engine(chat_model(config(endpoint), offline=embeddings))
    events = await ask(engine, reader, QUESTION)
    assert isinstance(events[-1], RunFailed)
    assert events[-1].code == "model_bad_response"
    assert len(answer_of(events)) <= LONGEST_ANSWER


async def test_a_passing_failure_is_tried_again_unseen(
    database: Database,
    reader: TenantContext,
    new_engine: NewEngine,
    endpoint: ModelEndpoint,
    embeddings: LocalEmbeddings,
) -> None:
    engine = await new_engine(chat_model(config(endpoint, max_retries=1), offline=embeddings))
    endpoint.script = ["500"]
    events = await ask(engine, reader, QUESTION)
    assert isinstance(events[-1], RunEnded)
    assert len(endpoint.requests) == 2


async def test_the_fallback_model_answers_when_the_first_fails(
    database: Database,
    reader: TenantContext,
    new_engine: NewEngine,
    endpoint: ModelEndpoint,
    embeddings: LocalEmbeddings,
) -> None:
    endpoint.by_model = {"first": "500"}
    engine = await new_engine(chat_model(config(endpoint, fallback_model="second"), offline=embeddings))
    events = await ask(engine, reader, QUESTION)
    assert answer_of(events) == endpoint.answer
    assert [request["model"] for request in endpoint.requests] == ["first", "second"]


async def test_half_an_answer_is_not_continued_by_the_fallback_model(
    database: Database,
    reader: TenantContext,
    new_engine: NewEngine,
    endpoint: ModelEndpoint,
    embeddings: LocalEmbeddings,
) -> None:
    endpoint.by_model = {"first": "half"}
    engine = await new_engine(chat_model(config(endpoint, fallback_model="second"), offline=embeddings))
    events = await ask(engine, reader, QUESTION)
    assert isinstance(events[0], RunStarted)
    assert failure_of(events).code == "model_stream_interrupted"
    assert [request["model"] for request in endpoint.requests] == ["first"]

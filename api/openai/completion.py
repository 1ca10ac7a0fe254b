"""A run as a chat completion: whole, or in chunks as it speaks."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

import orjson
from pydantic import BaseModel

from agents.engine import Engine
from agents.runs.runs import Run
from api.openai.answer import Answer, FinishReason
from api.openai.errors import error_body
from api.openai.listener import Listener
from core.errors import AtriumError
from core.tenancy import TenantContext
from graphs.steps import RESPOND
from tenants import usage

log = logging.getLogger(__name__)

_DONE = b"data: [DONE]\n\n"


class AnswerMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str | None
    annotations: list[dict[str, Any]]
    tool_calls: list[dict[str, Any]] | None = None
    refusal: None = None


class Choice(BaseModel):
    index: Literal[0] = 0
    message: AnswerMessage
    finish_reason: FinishReason
    logprobs: None = None


class Usage(BaseModel):
    """Of every model that the run called, as each counts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """`model` is the assistant's id."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


async def whole(engine: Engine, ctx: TenantContext, run: Run, model: str) -> ChatCompletion:
    """Waits for the run's end. Raises what it failed with."""
    listener = _listener(engine, run)
    async with aclosing(engine.log.follow_run(ctx, run.run_id, run.thread_id, since=run.events_after)) as batches:
        async for batch in batches:
            listener.hear(batch)
    answer = listener.answer(cited=_is_agent(engine, run))
    message = AnswerMessage(
        content=answer.text or None, annotations=answer.annotations, tool_calls=answer.tool_calls or None
    )
    return ChatCompletion(
        **_head(run, model),
        choices=[Choice(message=message, finish_reason=answer.finish_reason)],
        usage=await _usage(engine, ctx, run),
    )


async def chunks(
    engine: Engine, ctx: TenantContext, run: Run, model: str, *, with_usage: bool
) -> AsyncGenerator[bytes]:
    """Server-sent events. What the run fails with is the last of them."""
    head: dict[str, Any] = {**_head(run, model), "object": "chat.completion.chunk"}
    if with_usage:
        head["usage"] = None
    try:
        yield _chunk(head, {"role": "assistant", "content": ""})
        listener = _listener(engine, run)
        async with aclosing(engine.log.follow_run(ctx, run.run_id, run.thread_id, since=run.events_after)) as batches:
            async for batch in batches:
                if text := listener.hear(batch):
                    yield _chunk(head, {"content": text})
        answer = listener.answer(cited=_is_agent(engine, run))
        if text := listener.unheard(answer):
            yield _chunk(head, {"content": text})
        if answer.tool_calls:
            yield _chunk(head, {"tool_calls": [{"index": n, **call} for n, call in enumerate(answer.tool_calls)]})
        yield _chunk(head, _last_delta(answer), answer.finish_reason)
        if with_usage:
            used = await _usage(engine, ctx, run)
            yield _event({**head, "choices": [], "usage": used.model_dump()})
        yield _DONE
    except AtriumError as error:
        log.warning("a completion ended early: %s", error.code, extra={"run_id": run.run_id})
        yield _event(error_body(error))


def _listener(engine: Engine, run: Run) -> Listener:
    """The built-in agent has models that speak to itself only."""
    return Listener(RESPOND if _is_agent(engine, run) else None)


def _is_agent(engine: Engine, run: Run) -> bool:
    return run.graph_id == engine.catalog.agent_id


def _last_delta(answer: Answer) -> dict[str, Any]:
    return {"annotations": answer.annotations} if answer.annotations else {}


def _head(run: Run, model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{run.run_id}", "created": int(run.created_at.timestamp()), "model": model}


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish_reason: FinishReason | None = None) -> bytes:
    return _event(
        {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}
    )


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


async def _usage(engine: Engine, ctx: TenantContext, run: Run) -> Usage:
    async with engine.database.tenant_transaction(ctx) as connection:
        read, written = await usage.of_run(connection, ctx, run.run_id)
    return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)

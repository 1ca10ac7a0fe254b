"""A chat model that either completes its answer or raises one `ModelError`."""

import logging
from contextlib import aclosing
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from pydantic import Field

from core.breaker import Breaker
from core.llm.errors import ModelBadResponse, ModelStreamInterrupted
from core.llm.streaming import Chunks, StreamingModel, chunks_of, says_something
from core.llm.translation import model_error
from core.storable import is_storable

LONGEST_ANSWER = 400_000  # characters, of tool calls too; no model that works writes so many

logger = logging.getLogger(__name__)


class GuardedModel(StreamingModel):
    """Wraps `model` with its circuit breaker; a stream without a finish reason is no success."""

    model: BaseChatModel = Field(exclude=True, repr=False)
    breaker: Breaker = Field(exclude=True, repr=False)
    model_name: str

    @property
    def _llm_type(self) -> str:
        return "guarded"

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Chunks:
        begun = finished = False
        characters = 0
        with self.breaker.call():
            try:
                async with aclosing(chunks_of(self.model, messages, stop, kwargs)) as chunks:
                    async for chunk in chunks:
                        begun = begun or says_something(chunk)
                        finished = finished or _finishes(chunk)
                        characters += len(chunk.text) + _arguments(chunk)
                        if characters > LONGEST_ANSWER or not is_storable(chunk.text):
                            raise ModelBadResponse("The model's answer is endless or no text; ask again.")
                        yield self._named(chunk)
            except Exception as failure:  # noqa: BLE001 - what bad bytes raise in a client is no closed list
                error = model_error(failure, begun=begun)
                logger.warning("model %s: %s after %s", self.model_name, error.code, type(failure).__name__)
                raise error from None  # a chained traceback would print what the provider sent
            if not begun:
                raise ModelBadResponse("The model answered with nothing; ask again.")
            if not finished:
                raise ModelStreamInterrupted("The model broke off in the middle of its answer; ask again.")

    def _named(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """Says at the end which model wrote the answer, where the provider does not."""
        if _finishes(chunk):
            chunk.generation_info = {"model_name": self.model_name} | (chunk.generation_info or {})
        return chunk


def _arguments(chunk: ChatGenerationChunk) -> int:
    """How many characters of tool calls there are in it."""
    message = chunk.message
    calls = message.tool_call_chunks if isinstance(message, AIMessageChunk) else ()
    return sum(len(call["name"] or "") + len(call["args"] or "") + len(call["id"] or "") for call in calls)


def _finishes(chunk: ChatGenerationChunk) -> bool:
    return bool((chunk.generation_info or {}).get("finish_reason"))

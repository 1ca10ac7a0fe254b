"""The chat model that needs no endpoint: deterministic, extractive, and named for what it is."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field

from core.llm import extractive, prompts, rewriting

MODEL_NAME = "offline-extractive"
ONLY_DOCUMENTS = "I can only answer questions from documents: no language model is set up here."

_PIECE = re.compile(r"(?:\S+\s*){1,3}|\s+")  # the cost of a stream is its events
_WORD = re.compile(r"\S+")


class OfflineModel(BaseChatModel):
    """Answers the prompts of `core.llm.prompts`, and says of anything else that it cannot."""

    embeddings: Embeddings = Field(exclude=True, repr=False)
    model_name: str = MODEL_NAME

    @property
    def _llm_type(self) -> str:
        return MODEL_NAME

    def reply(self, messages: list[BaseMessage]) -> str:
        """The whole answer. Takes tens of milliseconds of CPU time: not for the event loop."""
        if (asked := prompts.parse_answer(messages)) is not None:
            return extractive.answer(asked.question, asked.sources, self.embeddings)
        if (follow_up := prompts.parse_rewrite(messages)) is not None:
            return rewriting.rewrite(follow_up.follow_up, follow_up.turns)
        return ONLY_DOCUMENTS

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from _pieces(messages, self.reply(messages))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for piece in _pieces(messages, await asyncio.to_thread(self.reply, messages)):
            yield piece

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages))


def _pieces(messages: list[BaseMessage], reply: str) -> Iterator[ChatGenerationChunk]:
    """A few words at a time; the last chunk carries the usage, counted in words, and the model's name."""
    for piece in _PIECE.findall(reply):
        yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
    read = sum(len(_WORD.findall(message.text)) for message in messages)
    written = len(_WORD.findall(reply))
    yield ChatGenerationChunk(
        message=AIMessageChunk(
            content="",
            usage_metadata=UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written),
            chunk_position="last",
        ),
        generation_info={"finish_reason": "stop", "model_name": MODEL_NAME},
    )

"""A second model for when the first one fails before it has said anything."""

from contextlib import aclosing
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from pydantic import Field

from core.llm.errors import ModelError
from core.llm.guarded import GuardedModel
from core.llm.streaming import Chunks, StreamingModel, chunks_of, says_something


class FallbackModel(StreamingModel):
    """Half an answer of one model is never continued by another: after the first token, errors pass."""

    first: GuardedModel = Field(exclude=True)
    second: GuardedModel = Field(exclude=True)

    @property
    def _llm_type(self) -> str:
        return "fallback"

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Chunks:
        begun = False
        silent: list[ChatGenerationChunk] = []  # not passed on until the model has said something
        try:
            async with aclosing(chunks_of(self.first, messages, stop, kwargs)) as chunks:
                async for chunk in chunks:
                    begun = begun or says_something(chunk)
                    silent.append(chunk)
                    while begun and silent:
                        yield silent.pop(0)
            return
        except ModelError:
            if begun:
                raise
        async with aclosing(chunks_of(self.second, messages, stop, kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk

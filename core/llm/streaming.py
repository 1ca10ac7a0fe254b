"""What our wrappers of chat models share: answers are streamed, and a whole one is its stream, collected."""

from abc import abstractmethod
from collections.abc import AsyncGenerator
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

Chunks = AsyncGenerator[ChatGenerationChunk, None]


class StreamingModel(BaseChatModel):
    """Asynchronous only: nothing here may block an event loop."""

    @abstractmethod
    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Chunks: ...

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, **kwargs))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("Use ainvoke or astream.")


def chunks_of(
    model: BaseChatModel, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
) -> Chunks:
    """The wrapped model's own stream, below its callbacks: a wrapped call is traced once."""
    return cast(Chunks, model._astream(messages, stop, **options))


def says_something(chunk: ChatGenerationChunk) -> bool:
    """Text or part of a tool call, not only a role, a finish reason or usage."""
    message = chunk.message
    return bool(message.content) or (isinstance(message, AIMessageChunk) and bool(message.tool_call_chunks))

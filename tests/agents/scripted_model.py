"""A chat model that answers what the test says, and a wish to hang or fail."""

import asyncio
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from pydantic import Field

from core.llm import prompts
from core.llm.streaming import Chunks, StreamingModel


class ScriptedModel(StreamingModel):
    """Answers question after question from `script`: a text is streamed, an error raised, None hangs.

    Follow-ups are left as they are. `hanging` is set while it hangs, `closed` when its stream was closed then.
    """

    script: list[str | Exception | None]
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    hanging: asyncio.Event = Field(default_factory=asyncio.Event)
    closed: asyncio.Event = Field(default_factory=asyncio.Event)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Chunks:
        follow_up = prompts.parse_rewrite(messages)
        if follow_up is None:
            self.asked.append(messages)
        answer = self.script.pop(0) if follow_up is None else follow_up.follow_up
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            yield ChatGenerationChunk(message=AIMessageChunk(content="Well, "))
            await self._hang()
        else:
            for word in answer.split(" "):
                yield ChatGenerationChunk(message=AIMessageChunk(content=f"{word} "))
            yield _last()

    async def _hang(self) -> None:
        self.hanging.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.hanging.clear()
            self.closed.set()


def _last() -> ChatGenerationChunk:
    """With the usage: ten tokens in, five out."""
    usage = UsageMetadata(input_tokens=10, output_tokens=5, total_tokens=15)
    return ChatGenerationChunk(
        message=AIMessageChunk(content="", usage_metadata=usage, chunk_position="last"),
        generation_info={"finish_reason": "stop", "model_name": "scripted"},
    )

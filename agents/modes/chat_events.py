"""What a run says while it runs: a tagged union, one small frozen model for each event."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from graphs.state import Citation as CitedClaim
from graphs.state import Source


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)


class RunStarted(_Event):
    type: Literal["run_started"] = "run_started"
    run_id: UUID
    thread_id: UUID


class Status(_Event):
    """What the run does next."""

    type: Literal["status"] = "status"
    stage: Literal["searching", "answering", "citing"]


class Sources(_Event):
    """What was found, best first; empty when the tenant's documents hold nothing near the question."""

    type: Literal["sources"] = "sources"
    question: str = Field(description="the question that was searched for, with a follow-up written out")
    sources: list[Source]


class Token(_Event):
    """The next piece of the answer; all pieces in order are the answer."""

    type: Literal["token"] = "token"
    text: str


class ToolCall(_Event):
    """The model wants a tool to be called; its result follows, or an interrupt before it."""

    type: Literal["tool_call"] = "tool_call"
    call_id: str
    name: str
    arguments: dict[str, Any]


class ToolResult(_Event):
    """What came of a call: `outcome` is `succeeded`, `failed`, or why it was not made; the model reads `text`."""

    type: Literal["tool_result"] = "tool_result"
    call_id: str
    name: str
    outcome: str
    text: str


class Interrupt(_Event):
    """The run waits for a person: to approve calls (`value.action_requests`), to connect an account, or to answer."""

    type: Literal["interrupt"] = "interrupt"
    interrupt_id: str
    value: Any


class Citation(_Event):
    """One marked claim of the answer, checked against its source after the answer ended."""

    type: Literal["citation"] = "citation"
    citation: CitedClaim


class Usage(_Event):
    type: Literal["usage"] = "usage"
    model: str
    input_tokens: int
    output_tokens: int


class RunFailed(_Event):
    """The run ended without an answer. `code` is stable; the question stays in the thread."""

    type: Literal["run_failed"] = "run_failed"
    run_id: UUID
    code: str
    detail: str


class RunEnded(_Event):
    type: Literal["run_ended"] = "run_ended"
    run_id: UUID
    status: Literal["success"] = "success"


RunEvent = Annotated[
    RunStarted
    | Status
    | Sources
    | Token
    | ToolCall
    | ToolResult
    | Interrupt
    | Citation
    | Usage
    | RunFailed
    | RunEnded,
    Field(discriminator="type"),
]

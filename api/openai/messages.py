"""The messages of a request, and those of them that are a run's input."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from api.openai.errors import BadParameter

Name = Annotated[str, Field(max_length=200)]


class Part(BaseModel):
    type: Annotated[str, Field(max_length=50)]
    text: str | None = None


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    name: Name | None = None


class SystemMessage(_Message):
    role: Literal["system", "developer"]
    content: str | list[Part]


class UserMessage(_Message):
    role: Literal["user"]
    content: str | list[Part]


class CalledFunction(BaseModel):
    name: Name
    arguments: str

    @field_validator("arguments")
    @classmethod
    def is_an_object(cls, arguments: str) -> str:
        try:
            if isinstance(json.loads(arguments or "{}"), dict):
                return arguments or "{}"
        except (ValueError, RecursionError):
            pass
        raise ValueError("must be a JSON object, as a string")


class ToolCall(BaseModel):
    id: Name
    type: Literal["function"] = "function"
    function: CalledFunction


class AssistantMessage(_Message):
    role: Literal["assistant"]
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None


class ToolMessage(_Message):
    role: Literal["tool"]
    content: str | list[Part]
    tool_call_id: Name


Message = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage,
    Field(discriminator="role"),
]


def as_input(messages: Sequence[Message], *, longest: int, since_answer: bool) -> list[dict[str, Any]]:
    """What LangChain reads as messages; with `since_answer` only those after the last answer.

    `longest` bounds what a user says, in characters. Raises `BadParameter`.
    """
    answers = [at for at, message in enumerate(messages) if isinstance(message, AssistantMessage)]
    new = answers[-1] + 1 if answers else 0
    if not any(isinstance(message, UserMessage | ToolMessage) for message in messages[new:]):
        raise BadParameter("messages", "The last message must be the user's, or the result of a tool.")
    read = [_read(at, message, longest) for at, message in enumerate(messages)]
    return read[new:] if since_answer else read


def _read(at: int, message: Message, longest: int) -> dict[str, Any]:
    text = _text(f"messages.{at}.content", message.content)
    if isinstance(message, UserMessage) and not 0 < len(text.strip()) <= longest:
        raise BadParameter(
            f"messages.{at}.content",
            f"A user's message has 1 to {longest:,} characters; upload long texts as documents.",
        )
    read: dict[str, Any] = {"role": message.role, "content": text}
    if message.name is not None:
        read["name"] = message.name
    if isinstance(message, ToolMessage):
        read["tool_call_id"] = message.tool_call_id
    if isinstance(message, AssistantMessage) and message.tool_calls:
        read["tool_calls"] = [_call(call) for call in message.tool_calls]
    return read


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = json.loads(call.function.arguments)
    return {"name": call.function.name, "args": arguments, "id": call.id, "type": "tool_call"}


def _text(param: str, content: str | list[Part] | None) -> str:
    if not isinstance(content, list):
        return content or ""
    for number, part in enumerate(content):
        if part.type != "text" or part.text is None:
            raise BadParameter(
                f"{param}.{number}",
                "Only parts of type `text` are read, no images, audio or files; upload those as documents.",
                code="unsupported_content",
            )
    return "".join(part.text or "" for part in content)

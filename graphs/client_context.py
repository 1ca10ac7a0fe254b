"""What a caller may say about a run of the built-in agent; the rest of its context is the server's."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, ValidationError

from core.errors import Invalid
from graphs.context import Context
from graphs.model_options import ModelOptions
from tools.calls import Caller
from tools.registry.standings import pins_of

TOOL_NAMES = "tool_names"

ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}(@[0-9]{1,6})?$")]


class ClientContext(ModelOptions):
    """The context of the built-in agent."""

    knowledge_base_ids: list[UUID] | None = Field(
        None, max_length=100, description="Answer from these knowledge bases only; unset means all of the tenant's."
    )
    tool_names: list[ToolName] | None = Field(
        None,
        max_length=500,
        description="Of the tools that are granted, only these: `name` or `name@version`. "
        "An assistant's list can be shortened by a run, not made longer.",
    )


def agent_context(caller: Caller, sent: dict[str, Any]) -> Context:
    """`caller` with what was `sent`. Raises `Invalid`."""
    try:
        wanted = ClientContext.model_validate(sent)
    except ValidationError as exc:
        wrong = exc.errors(include_input=False)[0]
        place = ".".join(str(part) for part in ("context", *wrong["loc"]))
        raise Invalid(f"`{place}` is not right: {wrong['msg']}.") from exc
    ids = wanted.knowledge_base_ids
    tools = None if wanted.tool_names is None else pins_of(wanted.tool_names)
    return Context(replace(caller, knowledge_base_ids=None if ids is None else tuple(ids)), tools, wanted.sent)


def narrowed(assistant: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    """What a run says goes over what its assistant says, but names no tool that the assistant does not."""
    merged = {**assistant, **run}
    named, wanted = assistant.get(TOOL_NAMES), run.get(TOOL_NAMES)
    if isinstance(named, list):
        names = {str(each).partition("@")[0] for each in wanted} if isinstance(wanted, list) else None
        merged[TOOL_NAMES] = [each for each in named if names is None or str(each).partition("@")[0] in names]
    return merged

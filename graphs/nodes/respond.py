"""The model answers from the sources, or calls tools; its tokens stream out of this node."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.runtime import Runtime

from core.errors import Invalid
from core.llm.errors import ModelBadResponse
from core.llm.prompts import Source as PromptSource
from core.llm.prompts import answer_messages
from graphs import exchange, tool_calls
from graphs.context import Context
from graphs.state import ChatState, Source
from tools.definitions import Tool
from tools.toolbox import Toolbox

_CHOICES = ("tools", "tool_choice", "parallel_tool_calls")


async def respond(
    state: ChatState,
    runtime: Runtime[Context],
    *,
    model: BaseChatModel,
    toolbox: Toolbox,
    context_of: Callable[[Runtime[Context]], Context],
) -> dict[str, Any]:
    context = context_of(runtime)
    now = exchange.newest(state["messages"])
    is_exhausted = tool_calls.is_exhausted(now.since)
    offered = [] if is_exhausted else await _offered(toolbox, context, now.since)
    options = _options(context.model_options, offered, may_call=not is_exhausted, has_called=bool(now.since))
    messages = answer_messages(
        state["question"],
        [PromptSource(source["number"], _title(source), source["text"]) for source in state["sources"]],
        now.history,
        instructions=now.instructions,
        with_tools="tools" in options,
    )
    answer = await model.ainvoke([*messages, *now.since], **options)
    answer = _checked(answer, may_call=not is_exhausted)
    used = await toolbox.used(context.caller, [call["id"] or "" for call in tool_calls.calls_of(answer)])
    return {"messages": [tool_calls.identified(answer, state["messages"], used)]}


async def _offered(toolbox: Toolbox, context: Context, since: Sequence[BaseMessage]) -> list[Tool]:
    withdrawn = tool_calls.withdrawn(since)
    return [tool for tool in await toolbox.offered(context.caller, context.tools) if tool.name not in withdrawn]


def _options(
    given: Mapping[str, Any], offered: Sequence[Tool], *, may_call: bool, has_called: bool
) -> dict[str, Any]:
    """The caller's keywords with the registered tools beside the caller's own. Raises `Invalid` for a clash."""
    if not may_call:
        return {name: value for name, value in given.items() if name not in _CHOICES}
    options = dict(given)
    if not offered:
        return options
    own = tool_calls.own_names(given)
    for tool in offered:
        if tool.name in own:
            raise Invalid(f"`tools` names {tool.name}, which is a registered tool; call yours something else.")
    options["tools"] = [*given.get("tools", ()), *map(as_function, offered)]
    if has_called:
        # A choice that is forced is forced once; then the model may answer.
        options.pop("tool_choice", None)
    return options


def as_function(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _checked(answer: AIMessage, *, may_call: bool) -> AIMessage:
    """Raises `ModelBadResponse` for calls that were not to be made."""
    if tool_calls.calls_of(answer) and not may_call:
        if not answer.text:
            raise ModelBadResponse("The model called tools again and again without an answer; ask for less at once.")
        return answer.model_copy(update={"tool_calls": [], "invalid_tool_calls": []})
    # Arguments that were cut off read like shorter ones.
    is_whole = answer.response_metadata.get("finish_reason") != "length"
    return tool_calls.sound(answer, is_whole=is_whole)


def _title(source: Source) -> str:
    return " › ".join([source["document_name"], *source["headings"]])

"""One tool call, made or refused; what came of it goes back to the model."""

from collections.abc import Callable
from typing import Any, TypedDict

from langgraph.runtime import Runtime

from core.errors import Invalid
from graphs import tool_calls
from graphs.context import Context
from tools.toolbox import Toolbox, Wish


class Wished(TypedDict):
    """A `Wish` as JSON."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    said: str | None


async def act(
    wished: Wished,
    runtime: Runtime[Context],
    *,
    toolbox: Toolbox,
    context_of: Callable[[Runtime[Context]], Context],
) -> dict[str, Any]:
    context = context_of(runtime)
    try:
        wish = Wish(**wished)
    except TypeError as exc:
        raise Invalid("`goto` cannot name this node: tool calls come from the model.") from exc
    result = await toolbox.call(context.caller, wish, context.tools)
    return {"messages": [tool_calls.result(wish, result.text, result.outcome, result.tool_call_id)]}

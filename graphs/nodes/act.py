"""One tool call, made or refused; what came of it goes back to the model."""

from collections.abc import Callable
from typing import Annotated, Any

from langgraph.runtime import Runtime
from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from core.errors import Invalid
from graphs import tool_calls
from graphs.context import Context
from tools.definitions import NAME_PATTERN
from tools.toolbox import Toolbox, Wish


@with_config(extra="forbid")
class Wished(TypedDict):
    """A `Wish` as JSON."""

    call_id: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    arguments: dict[str, Any]
    said: str | None


_WISHED = TypeAdapter(Wished)


async def act(
    wished: Wished,
    runtime: Runtime[Context],
    *,
    toolbox: Toolbox,
    context_of: Callable[[Runtime[Context]], Context],
) -> dict[str, Any]:
    context = context_of(runtime)
    try:
        wish = Wish(**_WISHED.validate_python(wished))
    except ValidationError as exc:
        raise Invalid("This is no tool call: an id, a name or arguments are missing, or none that can be.") from exc
    result = await toolbox.call(context.caller, wish, context.tools)
    return {"messages": [tool_calls.result(wish, result.text, result.outcome, result.tool_call_id)]}

"""What a caller may say about a run of the built-in agent; the rest of its context is the server's."""

from typing import Any
from uuid import UUID

from pydantic import Field, ValidationError

from core.errors import Invalid
from core.tenancy import TenantContext
from graphs.context import Context
from graphs.model_options import ModelOptions


class ClientContext(ModelOptions):
    """The context of the built-in agent."""

    knowledge_base_ids: list[UUID] | None = Field(
        None, max_length=100, description="Answer from these knowledge bases only; unset means all of the tenant's."
    )


def agent_context(ctx: TenantContext, sent: dict[str, Any]) -> Context:
    """Raises `Invalid`."""
    try:
        wanted = ClientContext.model_validate(sent)
    except ValidationError as exc:
        wrong = exc.errors(include_input=False)[0]
        place = ".".join(str(part) for part in ("context", *wrong["loc"]))
        raise Invalid(f"`{place}` is not right: {wrong['msg']}.") from exc
    ids = wanted.knowledge_base_ids
    return Context(ctx, None if ids is None else tuple(ids), wanted.sent)

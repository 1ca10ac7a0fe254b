"""What an approver says about a call: as it is, with other arguments, or not at all."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.db import Connection
from core.errors import Invalid
from core.storable import is_storable
from core.tenancy import TenantContext
from tools.arguments import problems_of
from tools.registry import approvals, standings
from tools.registry.approvals import Approval


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("holds a NUL character, or half of one")
    return text


Message = Annotated[str, Field(max_length=2_000), AfterValidator(_storable)]


class Approve(BaseModel):
    type: Literal["approve"]


class EditedAction(BaseModel):
    name: str
    args: dict[str, Any]


class Edit(BaseModel):
    """`edited_action` names the same tool, with the arguments that are approved."""

    type: Literal["edit"]
    edited_action: EditedAction


class Reject(BaseModel):
    """`message` is told to the model."""

    type: Literal["reject"]
    message: Message | None = None


Decision = Annotated[Approve | Edit | Reject, Field(discriminator="type")]


class Decisions(BaseModel):
    """In the order of the calls that were asked about: what agent-chat-ui and LangChain's clients send."""

    model_config = ConfigDict(hide_input_in_errors=True)

    decisions: Annotated[list[Decision], Field(max_length=200)]


async def decide(connection: Connection, ctx: TenantContext, approval: Approval, decision: Decision) -> Approval:
    """Raises `Forbidden`, `Conflict` when it was decided before, `Invalid` for arguments that do not fit."""
    match decision:
        case Approve():
            return await approvals.decide(connection, ctx, approval, status="approved")
        case Reject():
            return await approvals.decide(connection, ctx, approval, status="rejected", message=decision.message)
        case Edit():
            arguments = await _checked(connection, ctx, approval, decision.edited_action)
            return await approvals.decide(connection, ctx, approval, status="approved", arguments=arguments)


async def _checked(
    connection: Connection, ctx: TenantContext, approval: Approval, action: EditedAction
) -> dict[str, Any]:
    if action.name != approval.name:
        raise Invalid(f"`edited_action` must be a call of {approval.name}; reject this one to have another called.")
    parameters = await standings.parameters_of(connection, ctx, approval.name, approval.version)
    if problems := problems_of(parameters, action.args):
        raise Invalid(f"The edited arguments are wrong: {'; '.join(problems)}.")
    return action.args

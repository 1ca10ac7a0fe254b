"""`/threads/{id}/commands`: the thread-centric generation's way to start runs and to answer interrupts."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from agents.engine import Engine
from agents.protocol import commands
from agents.protocol.commands import Refused
from api.agent_protocol.body import JsonRoute
from api.agent_protocol.run_streams import Writer
from api.dependencies import Rooms
from core.errors import AtriumError, ClientError, Forbidden, Invalid, Unauthenticated
from core.tenancy import TenantContext

ErrorCode = Literal[
    "invalid_argument",
    "unknown_command",
    "unknown_error",
    "no_such_run",
    "no_such_subscription",
    "no_such_namespace",
    "no_such_interrupt",
    "no_such_checkpoint",
    "permission_denied",
    "not_supported",
]
CommandId = Annotated[int, Field(strict=True, ge=0)]


class ProtocolCommand(BaseModel):
    """`method` is `run.start`, `input.respond` or `agent.getTree`; on a WebSocket also `subscription.…`."""

    id: CommandId
    method: Annotated[str, Field(strict=True, max_length=100)]
    params: dict[str, Any] | None = None


class ProtocolResponseMeta(BaseModel):
    applied_through_seq: int


class ProtocolSuccess(BaseModel):
    """`applied_through_seq` is the thread's newest event before those that follow from the command."""

    type: Literal["success"] = "success"
    id: CommandId
    result: dict[str, Any]
    meta: ProtocolResponseMeta


class ProtocolError(BaseModel):
    """`id` is null when the command had none."""

    type: Literal["error"] = "error"
    id: CommandId | None
    error: ErrorCode
    message: str
    stacktrace: str | None = Field(None, description="Never sent: what went wrong inside is in our log.")
    meta: ProtocolResponseMeta | None = None


class _CommandRoute(JsonRoute):
    """A malformed command is told in the protocol's own terms."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_command(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return JSONResponse(malformed(error.body), status_code=400)

        return handle_command


router = APIRouter(prefix="/threads", tags=["Streaming"], route_class=_CommandRoute)


@router.post(
    "/{thread_id}/commands",
    response_model=ProtocolSuccess | ProtocolError,
    responses={400: {"model": ProtocolError}},
    summary="Send a command to a thread",
)
async def command(rooms: Rooms, ctx: Writer, thread_id: UUID, body: ProtocolCommand) -> Response:
    """`run.start` makes the thread if it is missing. A command that fails is answered with 200 and an `error`."""
    return JSONResponse(await answer(rooms.engine, ctx, thread_id, body))


def success(command: ProtocolCommand, result: dict[str, Any], applied_through_seq: int) -> dict[str, Any]:
    meta = {"applied_through_seq": applied_through_seq}
    return {"type": "success", "id": command.id, "result": result, "meta": meta}


def failure(id_: int | None, error: AtriumError) -> dict[str, Any]:
    return {"type": "error", "id": id_, "error": _code(error), "message": error.detail}


def malformed(body: Any) -> dict[str, Any]:
    given = body.get("id") if isinstance(body, dict) else None
    id_ = given if isinstance(given, int) and not isinstance(given, bool) and given >= 0 else None
    wrong = Refused("invalid_argument", "Send a JSON object with an integer `id`, a string `method`, and `params`.")
    return failure(id_, wrong)


async def answer(engine: Engine, ctx: TenantContext, thread_id: UUID, command: ProtocolCommand) -> dict[str, Any]:
    """Raises what is no client's fault."""
    try:
        done = await commands.execute(engine, ctx, thread_id, command.method, command.params or {})
    except ClientError as error:
        return failure(command.id, error)
    return success(command, done.result, done.applied_through_seq)


def _code(error: AtriumError) -> str:
    match error:
        case Refused():
            return error.code
        case Invalid():
            return "invalid_argument"
        case Forbidden() | Unauthenticated():
            return "permission_denied"
    return "unknown_error"

"""Errors as OpenAI's clients read them, those of authentication and limits included."""

import re
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.errors import detail_of, headers_of, wrong_fields
from core.errors import AtriumError, ClientError, Invalid, NotFound

# A message's role, which pydantic counts as a part of its place.
_ROLE = re.compile(r"(?<=^messages\.)(\d+)\.(system|developer|user|assistant|tool)\b")
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class BadParameter(ClientError):
    """`param` names the field of the body, as in `messages.0.content`."""

    code = "invalid_parameter"

    def __init__(self, param: str, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.param = param


class ModelNotFound(NotFound):
    code = "model_not_found"
    param = "model"

    def __init__(self) -> None:
        super().__init__("model")


class RunFailed(AtriumError):
    """`code` is stable where it is ours, and the type of the exception where a graph of one's own raised it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, code=code)
        self.status = Invalid.status if code == Invalid.code else 503 if code.islower() else 500


class OpenAiRoute(APIRoute):
    """Use it as `APIRouter(route_class=OpenAiRoute)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_refuse(request: Request) -> Response:
            try:
                return await handle(request)
            except AtriumError as error:
                return _refusal(error.status, error_body(error), _headers(error))
            except RequestValidationError as error:
                wrong = wrong_fields(error)[0]
                param = _ROLE.sub(r"\1", wrong["at"].removeprefix("body."))
                return _refusal(400, error_body(BadParameter(param, f"`{param}`: {wrong['message']}.")))
            except HTTPException as error:
                return _refusal(error.status_code, error_body(ClientError(detail_of(error))), error.headers)

        return handle_or_refuse


def error_body(error: AtriumError) -> dict[str, Any]:
    kind = "server_error" if error.status >= 500 else _TYPES.get(error.status, "invalid_request_error")
    param = getattr(error, "param", None)
    return {"error": {"message": error.detail, "type": kind, "code": error.code, "param": param}}


def _headers(error: AtriumError) -> dict[str, str]:
    # The client would ask a thread the same question twice; models have been tried again already.
    return {"x-should-retry": "false"} if isinstance(error, RunFailed) else headers_of(error)


def _refusal(status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    status = HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status
    return JSONResponse(body, status_code=status, headers=headers)

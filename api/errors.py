"""Every error leaves as one RFC 9457 problem document, with a stable `code` and the request's id."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from core.errors import AtriumError, TooManyRequests, Unauthenticated


class Problem(BaseModel):
    """RFC 9457. `code` is for programs, `detail` for people; `request_id` finds the request in the logs."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[dict[str, Any]] | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {"model": Problem, "description": "A problem document (application/problem+json)."}
}


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        request_id=request_id,
        errors=[dict(error) for error in errors] if errors else None,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True),
        status_code=status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )


def install(app: FastAPI) -> None:
    app.add_exception_handler(AtriumError, _atrium_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_exception)


def _atrium_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AtriumError)
    headers = {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "2"
    elif isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(request.state.request_id, error.status, error.code, error.detail, headers=headers)


def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # The input itself is left out: it may be a password, or a megabyte.
    errors = [
        {"at": ".".join(str(part) for part in item["loc"]), "message": item["msg"]} for item in error.errors()[:10]
    ]
    detail = "; ".join(f"{item['at']}: {item['message']}" for item in errors[:3])
    return problem(
        request.state.request_id, 422, "invalid_request", _printable(detail), errors=_all_printable(errors)
    )


def _http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("'", "")
    return problem(request.state.request_id, error.status_code, code, str(error.detail), headers=error.headers)


def _all_printable(errors: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: _printable(text) for name, text in error.items()} for error in errors]


def _printable(text: str) -> str:
    """A field's name comes from the client: a lone surrogate in it cannot be sent back."""
    return text.encode("utf-8", "replace").decode()[:1000]

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


# The framework says these in ways that help nobody.
_CLEARER = {
    "There was an error parsing the body": "The body is no JSON in UTF-8, or is nested too deeply; send one object.",
    "Not Found": "There is nothing at this path; /docs lists what there is.",
    "Method Not Allowed": "This path does not take this method; /docs lists those it takes.",
}


def install(app: FastAPI) -> None:
    app.add_exception_handler(AtriumError, _atrium_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_exception)


def _atrium_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AtriumError)
    return problem(request.state.request_id, error.status, error.code, error.detail, headers=headers_of(error))


def headers_of(error: AtriumError) -> dict[str, str]:
    """When to try again, or how to prove who one is."""
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(error.retry_after_seconds)}
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": "2"}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    return {}


def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = wrong_fields(error)
    detail = "; ".join(f"{item['at']}: {item['message']}" for item in errors[:3])
    return problem(request.state.request_id, 422, "invalid_request", detail[:1000], errors=errors)


def wrong_fields(error: RequestValidationError) -> list[dict[str, str]]:
    """The first ten, as `at` and `message`, without the input itself: it may be a password, or a megabyte."""
    return [
        {"at": _printable(_place(item["loc"])), "message": _printable(item["msg"])} for item in error.errors()[:10]
    ]


def _place(location: tuple[int | str, ...]) -> str:
    """`body.input.0`, without the validators that pydantic passed through."""
    return ".".join(str(part) for part in location if "[" not in str(part))


def _http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("'", "")
    return problem(request.state.request_id, error.status_code, code, detail_of(error), headers=error.headers)


def detail_of(error: HTTPException) -> str:
    """What the framework says, clearer."""
    return _CLEARER.get(str(error.detail), str(error.detail))


def _printable(text: str) -> str:
    """A field's name comes from the client: a lone surrogate in it cannot be sent back."""
    return text.encode("utf-8", "replace").decode()[:1000]

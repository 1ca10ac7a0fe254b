"""ETags: spare the answer that the client has, refuse the change to something that changed meanwhile."""

import hashlib
from typing import Annotated

from fastapi import Header, Request, Response
from pydantic_core import to_json

from core.errors import PreconditionFailed

IfMatch = Annotated[str | None, Header(max_length=500, description="Change it only while its ETag is this one.")]


def etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def conditional(request: Request, value: object) -> Response:
    """The value as JSON with its ETag, or an empty 304 when `If-None-Match` names it."""
    body = to_json(value)
    headers = {"ETag": etag(body)}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def require_match(if_match: str | None, value: object) -> None:
    """Raises `PreconditionFailed` when `value` is no longer what the client read."""
    if if_match not in (None, "*") and etag(to_json(value)) not in (if_match or ""):
        raise PreconditionFailed("It changed since you read it; read it again, then repeat your change.")

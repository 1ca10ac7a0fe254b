"""ETags: spare the answer that the client has, refuse the change to something that changed meanwhile."""

import hashlib
from typing import Annotated

from fastapi import Header, Request, Response
from pydantic import BaseModel

from core.errors import PreconditionFailed

IfMatch = Annotated[str | None, Header(max_length=500, description="Change it only while its ETag is this one.")]


def etag(value: BaseModel) -> str:
    return f'"{hashlib.sha256(value.model_dump_json().encode()).hexdigest()[:32]}"'


def conditional(request: Request, value: BaseModel) -> Response:
    """The value as JSON with its ETag, or an empty 304 when `If-None-Match` names it."""
    tag = etag(value)
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(value.model_dump_json(), media_type="application/json", headers={"ETag": tag})


def require_match(if_match: str | None, value: BaseModel) -> None:
    if if_match not in (None, "*") and etag(value) not in (if_match or ""):
        raise PreconditionFailed("It changed since you read it; read it again, then repeat your change.")

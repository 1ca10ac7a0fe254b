"""What a tool that is one HTTP endpoint is called with, checked when it is registered."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, ValidationInfo, field_validator

from core.errors import Invalid
from tools.credentials.schemes import Scheme
from tools.http import placeholders, url_template
from tools.http.selection import Selection

MOST_BYTES = 10 * 1024 * 1024
_LONGEST_BODY = 64 * 1024  # bytes

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")
# What the exchange itself decides, and where secrets stand: those come from the vault.
_FORBIDDEN_HEADERS = {
    "accept-encoding", "authorization", "connection", "content-length", "cookie", "expect", "host", "idempotency-key",
    "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
HeaderTemplates = Annotated[dict[str, Annotated[str, Field(max_length=2000)]], Field(max_length=50)]


class HttpInvocation(BaseModel):
    """One endpoint; its templates name arguments.

    url: an RFC 6570 template such as https://api.example.com/users/{id}/orders{?status,page}.
    headers: values in which {name} is the argument's text; a header whose argument is missing is not sent.
    body: a JSON document in which the string "{name}" stands for the argument with its type, and {name} inside a
    longer string for its text; a property whose argument is missing is not sent. `{ name }` with spaces is text.
    Without `body`, arguments that the URL and headers do not use are sent by GET, HEAD and DELETE as query
    parameters, by the other methods as one JSON object.
    selection: what of a JSON answer the model is told. max_bytes: of the answer, less than a call's own limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    url: Annotated[str, Field(min_length=1, max_length=url_template.LONGEST_TEMPLATE)]
    headers: HeaderTemplates = {}
    body: JsonValue = None
    security: Annotated[tuple[Scheme, ...], Field(max_length=10)] = ()
    selection: Selection | None = None
    max_bytes: Annotated[int, Field(ge=1, le=MOST_BYTES)] | None = None

    @field_validator("url")
    @classmethod
    def _is_template(cls, url: str) -> str:
        try:
            url_template.check_template(url)
        except Invalid as exc:
            raise ValueError(exc.detail) from exc
        return url

    @field_validator("headers")
    @classmethod
    def _may_be_sent(cls, headers: dict[str, str]) -> dict[str, str]:
        lower = [name.lower() for name in headers]
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise ValueError("a header's name is a token and its value has no line break")
            if name.lower() in _FORBIDDEN_HEADERS:
                raise ValueError(f"{name} is not for a tool to set; secrets are stored as its credentials")
        if len(set(lower)) < len(lower):
            raise ValueError("two headers have the same name")
        if any(placeholders.names_in(headers[name]) for name in headers if name.lower() == "content-type"):
            raise ValueError("Content-Type may not depend on an argument")
        return headers

    @field_validator("body")
    @classmethod
    def _fits(cls, body: JsonValue, info: ValidationInfo) -> JsonValue:
        if body is not None and info.data.get("method") in ("GET", "HEAD"):
            raise ValueError("GET and HEAD send none")
        if len(json.dumps(body)) > _LONGEST_BODY:
            raise ValueError(f"may have at most {_LONGEST_BODY // 1024} KB")
        return body

    @property
    def writes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    @property
    def placed(self) -> frozenset[str]:
        """The arguments that have a place in the URL or a header."""
        return url_template.names_in(self.url) | placeholders.names_in(list(self.headers.values()))


def checked(invocation: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """With its defaults filled in. Raises `Invalid` that says what to change, without quoting a value."""
    try:
        found = HttpInvocation.model_validate(invocation)
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in error["loc"])
        raise Invalid(f"The invocation's {place or 'form'}: {error['msg']}.", code="invalid_invocation") from exc
    unknown = (found.placed | placeholders.names_in(found.body)) - set(parameters.get("properties", {}))
    if unknown:
        raise Invalid(
            f"The invocation names {', '.join(sorted(unknown))}, which the parameters do not declare as properties.",
            code="invalid_invocation",
        )
    return found.model_dump(mode="json")

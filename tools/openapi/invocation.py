"""What an operation is called with, as JSON beside the tool: where each argument goes, under its original name."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tools.credentials.schemes import Scheme

Location = Literal["path", "query", "header", "cookie"]
Style = Literal["matrix", "label", "simple", "form", "spaceDelimited", "pipeDelimited", "deepObject"]

# RFC 9110, 5.6.2.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# They frame the request or say where it goes, and are no argument's business; the rest is about the connection.
FRAMING_HEADERS = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:[ \t]*;[ \t]*[\w-]+=(?:[\w.+-]+|\"[\w .:/+-]*\"))*", re.ASCII
)
_VARIABLE = re.compile(r"\{([^{}]+)\}")

_STYLES: dict[Location, frozenset[str]] = {
    "path": frozenset({"simple", "label", "matrix"}),
    "query": frozenset({"form", "spaceDelimited", "pipeDelimited", "deepObject"}),
    "header": frozenset({"simple"}),
    "cookie": frozenset({"form"}),
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def is_media_type(text: object) -> bool:
    return isinstance(text, str) and len(text) <= 200 and _MEDIA_TYPE.fullmatch(text) is not None


def variables_of(template: str) -> tuple[str, ...]:
    """The names in braces, each once."""
    return tuple(dict.fromkeys(_VARIABLE.findall(template)))


class Parameter(_Frozen):
    """`argument` is what the model calls it, `name` what the API does. `json`: the value is written as JSON."""

    argument: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=500)
    location: Location
    style: Style
    explode: bool = False
    allow_reserved: bool = False
    json_value: bool = False

    @model_validator(mode="after")
    def fits_its_location(self) -> Self:
        if self.style not in _STYLES[self.location]:
            raise ValueError(f"a {self.location} parameter has no style {self.style}")
        if self.location in ("header", "cookie") and not TOKEN.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a {self.location}")
        if self.location == "header" and self.name.lower() in FRAMING_HEADERS:
            raise ValueError(f"the header {self.name} belongs to HTTP itself")
        return self


class Encoding(_Frozen):
    """Of one property of a form. `file`: the part has a file name, and may be given as a data: URL."""

    style: Style | None = None
    explode: bool = True
    allow_reserved: bool = False
    content_type: str | None = None
    file: bool = False

    @field_validator("content_type")
    @classmethod
    def is_one(cls, content_type: str | None) -> str | None:
        if content_type is not None and not is_media_type(content_type):
            raise ValueError("`content_type` is no media type")
        return content_type


class Body(_Frozen):
    """`encoding` is by property, for forms only."""

    argument: str = "body"
    kind: Literal["json", "form", "multipart", "text"]
    media_type: str
    encoding: dict[str, Encoding] = {}

    @field_validator("media_type")
    @classmethod
    def is_one(cls, media_type: str) -> str:
        if not is_media_type(media_type):
            raise ValueError("`media_type` is no media type")
        return media_type


class OpenApiInvocation(_Frozen):
    """`operation` is its method and path in the document; `server` has no trailing slash, query or fragment."""

    operation: str = Field(min_length=1, max_length=2100)
    method: Literal["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"]
    server: str = Field(min_length=1, max_length=2048)
    path: str = Field(max_length=2048)
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    security: Annotated[tuple[Scheme, ...], Field(max_length=10)] = ()

    @field_validator("server")
    @classmethod
    def is_absolute(cls, server: str) -> str:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("`server` must be absolute and end with its path")
        if "@" in parts.netloc or any(ord(letter) <= 32 or letter == "\\" for letter in server):
            raise ValueError("`server` must be a plain URL without user name or password")
        return server

    @model_validator(mode="after")
    def path_is_filled(self) -> Self:
        if self.path and not self.path.startswith("/"):
            raise ValueError("`path` begins with a slash")
        if any(ord(letter) < 32 or letter in "#\\" for letter in self.path):
            raise ValueError("`path` holds a character that no path may")
        given = {parameter.name for parameter in self.parameters if parameter.location == "path"}
        if missing := set(variables_of(self.path)) - given:
            raise ValueError(f"no parameter fills {', '.join(sorted(missing))} in the path")
        return self

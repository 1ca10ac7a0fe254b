"""Sends a tool's request through egress, reads what comes back, and shows either without its secrets."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from core.tenancy import TenantContext
from tools.calls import Answer, Limits, ToolFailed
from tools.egress.client import Egress
from tools.request import MASK, HttpRequest

# A shorter secret occurs in innocent text: in a request it hides the whole value that it is found in.
_SHORTEST_SECRET = 4

# RFC 9110, 5.6.2 and 5.5; values may hold bytes beyond ASCII, which are UTF-8 here.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")

_TEXT = re.compile(
    r"text/.*|.*[/+](?:json|xml|yaml)|application/(?:x-ndjson|jsonl|x-yaml|javascript|graphql|x-www-form-urlencoded)"
)
# Besides UTF-8; not whatever Python can decode: some of its codecs take quadratic time.
_CHARSET = re.compile(
    r"utf-?(?:16|32)(?:le|be)?|us-ascii|iso-8859-\d{1,2}|windows-125\d|shift_jis|euc-(?:jp|kr)|gb(?:2312|k|18030)"
    r"|big5|koi8-[ru]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Response:
    """`media_type` is lower-case and without parameters, "" when none is named; `secrets` are the request's."""

    status: int
    media_type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300


async def send(egress: Egress, ctx: TenantContext, request: HttpRequest, limits: Limits) -> Response:
    """One exchange; redirects are not followed. Raises `ToolFailed`, and what the egress client raises."""
    headers = [_header(name, value) for name, value in request.headers]
    client = egress.client(ctx.tenant_id, seconds=limits.seconds, max_bytes=limits.max_bytes)
    async with client:
        response = await client.request(request.method, request.url, headers=headers, content=request.body)
    return Response(
        response.status_code,
        response.headers.get("content-type", "").partition(";")[0].strip().lower(),
        tuple(response.headers.multi_items()),
        response.content,
        request.secrets,
    )


def answer_of(response: Response, text: str | None = None) -> Answer:
    """What the model is told: `text`, or all of it; its status first when it is no success or says nothing."""
    told = text_of(response) if text is None else without_secrets(text, response.secrets)
    if not response.succeeded or not told:
        told = f"{_status_line(response.status)}\n{told}".strip()
    return Answer(told, len(response.body), is_error=not response.succeeded)


def text_of(response: Response) -> str:
    """Text in its charset, of anything else only what and how much it is; without the request's secrets."""
    text = _decoded(response)
    if text is None:
        return f"{response.media_type or 'Binary data'}, {len(response.body)} bytes, which cannot be shown as text."
    return without_secrets(text, response.secrets)


def masked(request: HttpRequest) -> dict[str, Any]:
    """{"method", "url", "headers": {name: value}, "body": text or None}, every secret replaced by `MASK`."""
    headers: dict[str, str] = {}
    for name, value in request.headers:
        shown = _masked_header(value, request.secrets)
        headers[name] = f"{headers[name]}, {shown}" if name in headers else shown
    body = None if request.body is None else request.body.decode("utf-8", "replace")
    return {
        "method": request.method,
        "url": _masked_url(request.url, request.secrets),
        "headers": headers,
        "body": None if body is None else _masked_value(body, request.secrets),
    }


def without_secrets(text: str, secrets: frozenset[str]) -> str:
    """Each secret of four characters or more is masked, also percent-encoded, in base64 or escaped as in JSON."""
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST_SECRET}
    # The longest first: a short one may be part of it.
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        text = text.replace(form, MASK)
    return text


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    try:
        if _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value):
            return name.encode(), value.strip().encode()
    except UnicodeEncodeError:
        pass
    raise ToolFailed("A header may hold no line break or other control character.")


def _decoded(response: Response) -> str | None:
    content_type = next((value for name, value in response.headers if name.lower() == "content-type"), "")
    charset = re.search(r'charset\s*=\s*"?([\w-]+)', content_type, re.IGNORECASE)
    if response.media_type and not _TEXT.fullmatch(response.media_type):
        return None
    if charset and _CHARSET.fullmatch(charset[1]):
        try:
            return response.body.decode(charset[1], "replace")
        except LookupError:
            pass
    if not response.media_type and b"\x00" in response.body:
        return None
    return response.body.decode("utf-8-sig", "replace")


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _masked_url(url: str, secrets: frozenset[str]) -> str:
    """Each segment and each parameter is looked at decoded, however it was encoded."""
    path, mark, query = url.partition("?")
    segments = [MASK if _holds(unquote(segment), secrets) else segment for segment in path.split("/")]
    pairs = [pair.partition("=") for pair in query.split("&")]
    shown = [f"{name}{sign}{MASK if _holds(unquote_plus(value), secrets) else value}" for name, sign, value in pairs]
    return without_secrets("/".join(segments) + mark + "&".join(shown), secrets)


def _masked_header(value: str, secrets: frozenset[str]) -> str:
    scheme, _, token = value.partition(" ")
    if scheme.lower() == "basic" and _holds(_base64_decoded(token), secrets):
        return f"{scheme} {MASK}"
    return _masked_value(value, secrets)


def _masked_value(value: str, secrets: frozenset[str]) -> str:
    if _holds(value, frozenset(secret for secret in secrets if len(secret) < _SHORTEST_SECRET)):
        return MASK
    return without_secrets(value, secrets)


def _holds(text: str, secrets: frozenset[str]) -> bool:
    return any(secret and secret in text for secret in secrets)


def _base64_decoded(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _forms(secret: str) -> Iterator[str]:
    """As it may be written in URLs, headers and JSON; of "Bearer …" and "Basic …" also what follows."""
    scheme, _, token = secret.partition(" ")
    for value in (secret, token) if scheme.lower() in ("basic", "bearer") else (secret,):
        yield value
        for encoded in (quote(value), quote(value, safe=""), quote_plus(value)):
            yield encoded
            yield re.sub("%..", lambda match: match[0].lower(), encoded)
        data = value.encode()
        for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
            yield text
            yield text.rstrip("=")
        for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
            yield escaped
            yield escaped.replace("/", "\\/")

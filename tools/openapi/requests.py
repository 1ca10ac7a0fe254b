"""A call's arguments as the exact request, each where its parameter places it and nowhere else."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from tools.calls import ToolFailed
from tools.openapi.invocation import OpenApiInvocation, Parameter
from tools.openapi.payloads import written
from tools.openapi.styles import in_cookie, in_header, in_path, in_query
from tools.request import HttpRequest

ACCEPT = "application/json, text/*;q=0.9, */*;q=0.5"

_VARIABLE = re.compile(r"(\{[^{}]+\})")
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def request_of(invocation: OpenApiInvocation, arguments: Mapping[str, Any], idempotency_key: str) -> HttpRequest:
    """Without credentials. Raises `ToolFailed` for what cannot be sent, which says which argument it is."""
    try:
        return _request(invocation, arguments, idempotency_key)
    except UnicodeEncodeError as exc:
        raise ToolFailed("An argument holds half a character, which cannot be sent.") from exc


def _request(invocation: OpenApiInvocation, arguments: Mapping[str, Any], idempotency_key: str) -> HttpRequest:
    given = [
        (parameter, arguments[parameter.argument])
        for parameter in invocation.parameters
        if arguments.get(parameter.argument) is not None
    ]
    query = [
        pair for parameter, value in given if parameter.location == "query" for pair in in_query(parameter, value)
    ]
    url = invocation.server + _path(
        invocation.path, {each.name: (each, value) for each, value in given if each.location == "path"}
    )
    if query:
        url += ("&" if "?" in url else "?") + "&".join(query)
    headers = [("Accept", ACCEPT), *_headers(given)]
    body = None
    if invocation.body and arguments.get(invocation.body.argument) is not None:
        body, media_type = written(invocation.body, arguments[invocation.body.argument])
        headers.append(("Content-Type", media_type))
    if invocation.method not in READS:
        headers.append(("Idempotency-Key", idempotency_key))
    return HttpRequest(invocation.method, url, tuple(headers), body)


def _path(template: str, given: Mapping[str, tuple[Parameter, Any]]) -> str:
    """Also a query that the template itself has. A value stays inside of its segment."""

    def filled(piece: str) -> str:
        if not _VARIABLE.fullmatch(piece):
            return quote(piece, safe="/?:@!$&'()*+,;=~%")
        name = piece[1:-1]
        if name not in given:
            raise ToolFailed(f"The path's {name} is missing.")
        return in_path(*given[name])

    pieces = _VARIABLE.split(template)
    url = "".join(map(filled, pieces))
    blank = "".join("x" if _VARIABLE.fullmatch(piece) else piece for piece in pieces)
    for segment, expected in zip(_segments(url), _segments(blank), strict=True):
        if expected and (not segment or unquote(segment) in (".", "..")):
            raise ToolFailed("An argument may leave no part of the path empty, and be neither `.` nor `..` there.")
    return url


def _segments(url: str) -> list[str]:
    return url.partition("?")[0].split("/")


def _headers(given: list[tuple[Parameter, Any]]) -> Iterator[tuple[str, str]]:
    cookies: list[str] = []
    for parameter, value in given:
        if parameter.location == "cookie":
            cookies += in_cookie(parameter, value)
        elif parameter.location == "header":
            written_value = in_header(parameter, value)
            if _BREAKS.search(written_value):
                raise ToolFailed(f"`{parameter.argument}` may hold no line break or other control character.")
            yield parameter.name, written_value
    if cookies:
        yield "Cookie", "; ".join(cookies)

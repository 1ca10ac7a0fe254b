"""Tools that are one HTTP endpoint each."""

import json
from dataclasses import replace
from typing import Any

from tools.calls import Answer, Call, ToolFailed
from tools.credentials.credentials import Credentials
from tools.egress.client import Egress
from tools.http import placeholders, url_template
from tools.http.invocation import HttpInvocation, checked
from tools.http.selection import selected
from tools.request import HttpRequest
from tools.sending import answer_of, masked, send

_LONGEST_HEADER = 8192  # characters of one value


class HttpKind:
    """Fulfils `tools.calls.Kind`."""

    def __init__(self, egress: Egress, credentials: Credentials) -> None:
        self._egress = egress
        self._credentials = credentials

    def checked(self, invocation: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        return checked(invocation, parameters)

    async def preview(self, call: Call) -> dict[str, Any]:
        return masked(await self._request(call, HttpInvocation.model_validate(call.tool.invocation)))

    async def call(self, call: Call) -> Answer:
        endpoint = HttpInvocation.model_validate(call.tool.invocation)
        limits = call.limits
        if endpoint.max_bytes is not None:
            limits = replace(limits, max_bytes=min(limits.max_bytes, endpoint.max_bytes))
        response = await send(self._egress, call.tenant, await self._request(call, endpoint), limits)
        if endpoint.selection is None or not response.succeeded or not response.body:
            return answer_of(response)
        return answer_of(response, await selected(endpoint.selection, response.body))

    async def _request(self, call: Call, endpoint: HttpInvocation) -> HttpRequest:
        request = request_of(endpoint, call.arguments)
        if endpoint.writes:
            request = request.with_header("Idempotency-Key", call.idempotency_key)
        return await self._credentials.authorized(call.tenant, call.tool.credential_owner, endpoint.security, request)


def request_of(endpoint: HttpInvocation, arguments: dict[str, Any]) -> HttpRequest:
    """Without credentials. Raises `ToolFailed` for arguments that would break out of their places."""
    _check_text(arguments)
    url = url_template.expanded(endpoint.url, arguments)
    rest = {name: value for name, value in arguments.items() if name not in endpoint.placed}
    body = placeholders.filled(endpoint.body, arguments)
    if endpoint.body is None and endpoint.method in ("POST", "PUT", "PATCH"):
        body = rest
    elif endpoint.body is None:
        url = url_template.with_query(url, rest)
    request = HttpRequest(endpoint.method, url, _headers(endpoint, arguments))
    if body is None:
        return request
    if not any(name.lower() == "content-type" for name, _ in request.headers):
        request = request.with_header("Content-Type", "application/json")
    return replace(request, body=_json(body))


def _headers(endpoint: HttpInvocation, arguments: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    filled = ((name, placeholders.filled_text(value, arguments)) for name, value in endpoint.headers.items())
    headers = tuple((name, value) for name, value in filled if value is not None)
    for name, value in headers:
        if len(value) > _LONGEST_HEADER or any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise ToolFailed(f"The header {name} may hold no line break and {_LONGEST_HEADER} characters at most.")
    return headers


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _check_text(arguments: dict[str, Any]) -> None:
    try:
        _json(arguments)
    except (ValueError, TypeError, RecursionError) as exc:
        raise ToolFailed("The arguments are not JSON: a number or a character of theirs cannot be written.") from exc

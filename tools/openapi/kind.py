"""Tools that are operations of an OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from core.errors import Invalid
from tools.calls import Answer, Call
from tools.credentials.credentials import Credentials
from tools.egress.client import Egress
from tools.openapi.invocation import OpenApiInvocation
from tools.openapi.requests import request_of
from tools.request import HttpRequest
from tools.sending import answer_of, masked, send


class OpenApiKind:
    """Fulfils `tools.calls.Kind`."""

    def __init__(self, egress: Egress, credentials: Credentials) -> None:
        self._egress = egress
        self._credentials = credentials

    def checked(self, invocation: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            checked = OpenApiInvocation.model_validate(invocation)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Invalid(f"`invocation` is wrong at `{place}`: {first['msg']}.", code="tool_invocation") from exc
        properties = parameters.get("properties", {})
        if unknown := [name for name in _arguments(checked) if name not in properties]:
            raise Invalid(f"`parameters` has no property {unknown[0]}.", code="tool_invocation")
        return checked.model_dump(mode="json")

    async def preview(self, call: Call) -> dict[str, Any]:
        return masked(await self._authorized(call))

    async def call(self, call: Call) -> Answer:
        request = await self._authorized(call)
        return answer_of(await send(self._egress, call.tenant, request, call.limits))

    async def _authorized(self, call: Call) -> HttpRequest:
        invocation = OpenApiInvocation.model_validate(call.tool.invocation)
        request = request_of(invocation, call.arguments, call.idempotency_key)
        return await self._credentials.authorized(
            call.tenant, call.tool.credential_owner, invocation.security, request
        )


def _arguments(invocation: OpenApiInvocation) -> Iterator[str]:
    yield from (parameter.argument for parameter in invocation.parameters)
    if invocation.body:
        yield invocation.body.argument

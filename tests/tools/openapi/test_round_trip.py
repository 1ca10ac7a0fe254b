"""A FastAPI application on this machine: its own document is imported and its operations are called over HTTP."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from core.errors import Invalid
from core.tenancy import Role, TenantContext
from tests.serving import serving
from tests.tools.openapi.pet_shop import KEY, TOKEN, pet_shop
from tools.arguments import problems_of
from tools.calls import Answer, Call, Kind, Limits, ToolFailed
from tools.credentials.credentials import Credentials
from tools.credentials.placing import with_secret
from tools.credentials.schemes import Scheme
from tools.definitions import SideEffect, Tool
from tools.egress.client import Egress
from tools.egress.policy import EgressPolicy
from tools.openapi.drafting import Draft
from tools.openapi.importing import read_document, tools_of
from tools.openapi.kind import OpenApiKind
from tools.request import MASK, HttpRequest

CTX = TenantContext(uuid4(), uuid4(), Role.MEMBER)


class Known(Credentials):
    """The vault is not what is tested here."""

    def __init__(self) -> None:
        self.owners: list[str] = []

    async def authorized(
        self, ctx: TenantContext, owner: str, schemes: Sequence[Scheme], request: HttpRequest
    ) -> HttpRequest:
        self.owners.append(owner)
        for scheme in schemes:
            request = with_secret(request, scheme, {"api_key": KEY, "token": TOKEN})
        return request


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    """The operator of this test trusts this machine."""
    async with Egress(EgressPolicy(allow_hosts=frozenset({"127.0.0.1"}))) as opened:
        yield opened


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serving(pet_shop()) as served:
        yield f"{served}/openapi.json"


@pytest.fixture
async def drafts(egress: Egress, url: str) -> dict[str, Draft]:
    """By operation. FastAPI names no server: its document's own URL says where it is."""
    async with egress.client(CTX.tenant_id) as client:
        found = tools_of(read_document((await client.get(url)).content, url=url))
    assert (found.title, found.version, found.skipped) == ("Pet shop", "2.1", ())
    return {draft.operation: draft for draft in found.tools}


@pytest.fixture
def kind(egress: Egress) -> Kind:
    return OpenApiKind(egress, Known())


def call_of(kind: Kind, draft: Draft, arguments: dict[str, Any]) -> Call:
    """As the registry keeps it, which is as JSON."""
    assert problems_of(draft.parameters, arguments) == []
    invocation = json.loads(json.dumps(kind.checked(draft.invocation, draft.parameters)))
    tool = Tool(draft.name, 1, "openapi", draft.description, draft.parameters, draft.side_effect, invocation, "shop")
    return Call(CTX, tool, arguments, "key-1", Limits(seconds=5))


async def answer(kind: Kind, draft: Draft, **arguments: Any) -> Answer:
    return await kind.call(call_of(kind, draft, arguments))


async def said(kind: Kind, draft: Draft, **arguments: Any) -> Any:
    answered = await answer(kind, draft, **arguments)
    assert not answered.is_error, answered.text
    return json.loads(answered.text)


async def test_every_operation_is_imported(drafts: dict[str, Draft]) -> None:
    assert len(drafts) == 9
    assert drafts["GET /pets/{pet_id}/toys/{toy}"].name == "toys_list"
    assert drafts["GET /pets/{pet_id}/toys/{toy}"].side_effect is SideEffect.READ
    assert drafts["POST /pets"].side_effect is SideEffect.WRITE
    assert "idempotency-key" not in drafts["POST /pets"].parameters["properties"]


async def test_path_query_header_and_cookie(kind: Kind, drafts: dict[str, Draft]) -> None:
    awkward = "a b/ü?&=#%20"
    told = await said(
        kind,
        drafts["GET /pets/{pet_id}/toys/{toy}"],
        pet_id=7,
        toy="ball & ü?",
        tag=["x,y", awkward],
        filter_q=awkward,
        exact=True,
        **{"X-Trace": "t 1", "session": "s1"},
    )
    assert told == {
        "pet_id": 7,
        "toy": "ball & ü?",
        "tag": ["x,y", awkward],
        "q": awkward,
        "exact": True,
        "trace": "t 1",
        "session": "s1",
    }


async def test_what_is_optional_may_be_left_out(kind: Kind, drafts: dict[str, Draft]) -> None:
    told = await said(kind, drafts["GET /pets/{pet_id}/toys/{toy}"], pet_id=7, toy="ball")
    assert (told["tag"], told["q"], told["exact"], told["trace"]) == ([], None, False, None)


async def test_arguments_are_checked_by_the_applications_own_schema(drafts: dict[str, Draft]) -> None:
    toys = drafts["GET /pets/{pet_id}/toys/{toy}"].parameters
    assert problems_of(toys, {"pet_id": 0, "toy": "ball"})
    assert problems_of(toys, {"pet_id": "7", "toy": "ball"})
    assert problems_of(toys, {"pet_id": 7})
    assert problems_of(toys, {"pet_id": 7, "toy": "ball", "other": 1})
    assert problems_of(drafts["POST /pets"].parameters, {"body": {"name": "<b>"}})


async def test_a_json_body_with_a_recursive_part_and_its_idempotency_key(
    kind: Kind, drafts: dict[str, Draft]
) -> None:
    toy = {"name": "train", "parts": [{"name": "wheel", "parts": []}]}
    told = await said(kind, drafts["POST /pets"], body={"name": "Rex ü", "tags": ["a"], "favourite": toy})
    assert told == {"pet": {"name": "Rex ü", "kind": None, "tags": ["a"], "favourite": toy}, "key": "key-1"}


async def test_a_form(kind: Kind, drafts: dict[str, Draft]) -> None:
    told = await said(kind, drafts["PUT /names"], body={"name": "a&b=ü", "alias": ["x", "y z"], "old": True})
    assert told == {"name": "a&b=ü", "alias": ["x", "y z"], "old": True}


async def test_a_multipart_form_with_files(kind: Kind, drafts: dict[str, Draft]) -> None:
    body = {"caption": 'Me & "you"', "photo": "data:image/png;base64,iVBORwA=", "more": ["one", "three"]}
    told = await said(kind, drafts["POST /photos"], body=body)
    assert told == {"caption": 'Me & "you"', "type": "image/png", "photo": "89504e4700", "more": [3, 5]}


async def test_credentials_are_sent_and_shown_to_nobody(kind: Kind, drafts: dict[str, Draft]) -> None:
    assert await said(kind, drafts["GET /secret"]) == {"in": True}
    assert await said(kind, drafts["GET /keyed"]) == {"echoed": MASK}
    for operation, header in (("GET /secret", "Authorization"), ("GET /keyed", "X-Key")):
        shown = await kind.preview(call_of(kind, drafts[operation], {}))
        assert MASK in shown["headers"][header]
        assert "canary" not in json.dumps(shown)


async def test_credentials_are_those_of_the_import(egress: Egress, drafts: dict[str, Draft]) -> None:
    credentials = Known()
    await said(OpenApiKind(egress, credentials), drafts["GET /secret"])
    assert credentials.owners == ["source:shop"]


async def test_a_preview_is_the_exact_request(kind: Kind, drafts: dict[str, Draft], url: str) -> None:
    shown = await kind.preview(call_of(kind, drafts["POST /pets"], {"body": {"name": "Rex"}}))
    assert (shown["method"], shown["url"], shown["body"]) == (
        "POST",
        url.removesuffix("/openapi.json") + "/pets",
        '{"name":"Rex"}',
    )
    assert shown["headers"]["Idempotency-Key"] == "key-1"


async def test_an_error_is_told_with_its_status(kind: Kind, drafts: dict[str, Draft]) -> None:
    answered = await answer(kind, drafts["DELETE /pets/{pet_id}"], pet_id=3)
    assert answered.is_error
    assert answered.text.startswith("409 Conflict\n")
    assert "Pet 3 is loved." in answered.text


async def test_what_is_no_text_is_described(kind: Kind, drafts: dict[str, Draft]) -> None:
    assert (await answer(kind, drafts["GET /logo"])).text == "image/png, 4 bytes, which cannot be shown as text."


async def test_no_argument_reaches_another_operation(kind: Kind, drafts: dict[str, Draft]) -> None:
    toys = drafts["GET /pets/{pet_id}/toys/{toy}"]
    for toy in ("../../../secret", "x?exact=true", "x#y", "//evil.example", "..%2f"):
        answered = await answer(kind, toys, pet_id=7, toy=toy)
        assert answered.text.startswith("404") or json.loads(answered.text)["toy"] == toy
        assert '"exact":true' not in answered.text
    with pytest.raises(ToolFailed):
        await answer(kind, toys, pet_id=7, toy="..")
    with pytest.raises(ToolFailed):
        await answer(kind, toys, pet_id=7, toy="x", **{"X-Trace": "a\r\nX-Key: 1"})


@pytest.mark.parametrize(
    "change",
    [
        {"method": "CONNECT"},
        {"server": "/v1"},
        {"server": "ftp://a.example"},
        {"server": "https://u:p@a.example"},
        {"server": "https://a.example?x=1"},
        {"path": "pets"},
        {"path": "/pets/{other}"},
        {"path": "/pets\r\nX: 1"},
        {"parameters": [{"argument": "a", "name": "Host", "location": "header", "style": "simple"}]},
        {"parameters": [{"argument": "a", "name": "X\r\n", "location": "header", "style": "simple"}]},
        {"parameters": [{"argument": "a", "name": "a", "location": "query", "style": "matrix"}]},
        {"parameters": [{"argument": "unknown", "name": "a", "location": "query", "style": "form"}]},
        {"body": {"kind": "json", "media_type": "application/json\r\nX: 1"}},
        {"body": {"kind": "json", "media_type": "application/json"}},
        {"extra": 1},
    ],
)
async def test_an_invocation_that_was_not_made_here_is_refused(kind: Kind, change: dict[str, Any]) -> None:
    invocation = {"operation": "GET /pets", "method": "GET", "server": "https://a.example", "path": "/pets"}
    parameters = {"type": "object", "properties": {"a": {}}}
    assert kind.checked(invocation, parameters)["parameters"] == []
    with pytest.raises(Invalid) as refused:
        kind.checked(invocation | change, parameters)
    assert refused.value.code == "tool_invocation"

"""A tool that is one HTTP endpoint: checked when it is registered, called with a real host, never led elsewhere."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from core.errors import Invalid
from core.tenancy import Role, TenantContext
from tests.tools.peers import Peer, peer
from tools.calls import Answer, Call, Limits, ToolFailed
from tools.credentials.credentials import Credentials
from tools.credentials.placing import with_secret
from tools.credentials.schemes import Scheme
from tools.definitions import SideEffect, Tool
from tools.egress.client import Egress, PeerFailed
from tools.egress.policy import EgressPolicy
from tools.http.kind import HttpKind
from tools.request import MASK, HttpRequest

CTX = TenantContext(uuid4(), uuid4(), Role.MEMBER)
CANARY = "canary-7b1f"
NAMES = ("id", "q", "name", "count", "tags", "note")
PARAMETERS = {"type": "object", "properties": {name: {} for name in NAMES}}
HOSTILE = [
    "../../admin", "..", "a?b=c", "a#b", "@evil.example", "//evil.example/", "https://evil.example/", "a&b=c",
    "a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\x00b", '","admin":true,"x":"', "{id}", "{name}", "%2e%2e%2f", "\\..\\",
    "\ud800",
]  # fmt: skip


class Known(Credentials):
    """The vault is not what is tested here: every scheme's secret is this one."""

    def __init__(self) -> None:
        pass

    async def authorized(
        self, ctx: TenantContext, owner: str, schemes: Sequence[Scheme], request: HttpRequest
    ) -> HttpRequest:
        for scheme in schemes:
            request = with_secret(request, scheme, {"api_key": CANARY, "username": "bob", "password": CANARY})
        return request


@pytest.fixture
async def kind() -> AsyncIterator[HttpKind]:
    async with Egress(EgressPolicy(allow_hosts=frozenset({"127.0.0.1"}))) as egress:
        yield HttpKind(egress, Known())


def call_of(kind: HttpKind, invocation: dict[str, Any], arguments: dict[str, Any]) -> Call:
    checked = kind.checked(invocation, PARAMETERS)
    tool = Tool("orders", 1, "http", "Orders.", PARAMETERS, SideEffect.WRITE, json.loads(json.dumps(checked)))
    return Call(CTX, tool, arguments, "key-1", Limits(seconds=5, max_bytes=10_000))


async def answer(kind: HttpKind, invocation: dict[str, Any], **arguments: Any) -> Answer:
    return await kind.call(call_of(kind, invocation, arguments))


def says(body: str | bytes, status: str = "200 OK", media_type: str = "application/json") -> bytes:
    data = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def asked(host: Peer) -> tuple[str, dict[str, str], bytes]:
    """Request line, headers by lower-case name, and body of the only request."""
    (request,) = host.requests
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    pairs = [header.partition(": ") for header in headers]
    assert len({name.lower() for name, _, _ in pairs}) == len(pairs)
    return line, {name.lower(): value for name, _, value in pairs}, body


async def test_every_argument_arrives_in_its_place(kind: HttpKind) -> None:
    async with peer(says('{"ok":true}')) as host:
        invocation = {
            "method": "PUT",
            "url": f"http://127.0.0.1:{host.port}/orders/{{id}}{{?q}}",
            "headers": {"X-Name": "{name}", "X-Note": "note: {note}", "X-Fixed": "1"},
            "body": {"count": "{count}", "tags": "{tags}", "title": "{name} ({count})", "note": "{note}", "n": 1},
        }
        told = await answer(kind, invocation, id="a/b", q="x y", name="Zoë", count=3, tags=["t"])
    assert told == Answer('{"ok":true}', received_bytes=11)
    line, headers, body = asked(host)
    assert line == "PUT /orders/a%2Fb?q=x%20y HTTP/1.1"
    assert headers["x-name"] == "Zoë"
    assert headers["x-fixed"] == "1"
    assert "x-note" not in headers
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] == "key-1"
    assert json.loads(body) == {"count": 3, "tags": ["t"], "title": "Zoë (3)", "n": 1}


@pytest.mark.parametrize(
    ("method", "line", "body"),
    [
        ("POST", "POST /o/1 HTTP/1.1", b'{"q":"x y","tags":[1,2]}'),
        ("PATCH", "PATCH /o/1 HTTP/1.1", b'{"q":"x y","tags":[1,2]}'),
        ("GET", "GET /o/1?q=x+y&tags=1&tags=2 HTTP/1.1", b""),
        ("DELETE", "DELETE /o/1?q=x+y&tags=1&tags=2 HTTP/1.1", b""),
    ],
)
async def test_arguments_without_a_place_are_sent_all_the_same(
    kind: HttpKind, method: str, line: str, body: bytes
) -> None:
    async with peer() as host:
        invocation = {"method": method, "url": f"http://127.0.0.1:{host.port}/o/{{id}}", "headers": {"X-N": "{name}"}}
        await answer(kind, invocation, id=1, q="x y", tags=[1, 2], name="n")
    found, headers, sent = asked(host)
    assert (found, sent) == (line, body)
    assert ("idempotency-key" in headers) == (method != "GET")


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "place", ["/a/{id}", "/a/x{id}", "/a{?id}", "/a?x={id}", "/a{/id}", "/a{;id}", "header", "body", "longer", "rest"]
)
async def test_hostile_argument_stays_in_its_place(kind: HttpKind, place: str, value: str) -> None:
    """Or the call is not made at all."""
    async with peer() as host:
        base = f"http://127.0.0.1:{host.port}"
        invocation: dict[str, Any] = {"method": "POST", "url": f"{base}/a", "body": {"fixed": 1}}
        if place.startswith("/"):
            invocation["url"] = base + place
        elif place == "header":
            invocation["headers"] = {"X-Id": "{id}"}
        elif place in ("body", "longer"):
            invocation["body"] = {"fixed": 1, "id": "{id}" if place == "body" else "<{id}>"}
        else:
            del invocation["body"]
        try:
            await answer(kind, invocation, id=value, name="n")
        except ToolFailed:
            assert host.requests == []
            return
    line, headers, body = asked(host)
    method, target, _ = line.split(" ")
    path, _, query = target.partition("?")
    assert method == "POST"
    assert path.count("/") == (1 if place in ("/a{?id}", "/a?x={id}", "/a{;id}") or "/" not in place else 2)
    assert path.startswith("/a")
    assert query.count("&") == 0
    assert headers["host"] == f"127.0.0.1:{host.port}"
    assert "x-evil" not in headers
    written = value if place in ("body", "rest") else f"<{value}>"
    inside = {"id": written} if place in ("body", "longer", "rest") else {}
    assert json.loads(body) == {**({"name": "n"} if place == "rest" else {"fixed": 1}), **inside}


@pytest.mark.parametrize(
    ("selection", "text"),
    [
        ({"type": "json_pointer", "expression": "/items/0"}, '{"name":"ä","n":1}'),
        ({"type": "json_pointer", "expression": "/items/0/name"}, "ä"),
        ({"type": "json_pointer", "expression": ""}, '{"items":[{"name":"ä","n":1},{"name":"b","n":2}]}'),
        ({"type": "json_pointer", "expression": "/items/7/name"}, "No match: "),
        ({"type": "jmespath", "expression": "items[].name"}, '["ä","b"]'),
        ({"type": "jmespath", "expression": "items[?n > `1`].{title: name}"}, '[{"title":"b"}]'),
        ({"type": "jmespath", "expression": "sum(items[].n)"}, "3"),
        ({"type": "jmespath", "expression": "nothing.here"}, "No match: "),
    ],
)
async def test_selection_of_an_answer(kind: HttpKind, selection: dict[str, str], text: str) -> None:
    async with peer(says('{"items": [{"name": "ä", "n": 1}, {"name": "b", "n": 2}]}')) as host:
        url = f"http://127.0.0.1:{host.port}/"
        told = await answer(kind, {"method": "GET", "url": url, "selection": selection})
    assert told.text.startswith(text)
    assert told.text == text or text == "No match: "
    assert told.is_error is False


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        ("<html>", "a"),
        ('{"a": "text"}', "sum(a)"),
        ('{"a": "text"}', "a > `1`"),
        ('{"a": 1}', " | ".join(["[@, @]"] * 50)),
        ('{"a": 1}', " | ".join(["[@, @][]"] * 25)),
        (json.dumps(["x" * 50] * 100), "join(to_string(@), @)"),
        ("[" * 1000 + "]" * 1000, "length(@)"),
    ],
)
async def test_what_cannot_be_selected_is_told_the_model(kind: HttpKind, body: str, expression: str) -> None:
    async with peer(says(body)) as host:
        url = f"http://127.0.0.1:{host.port}/"
        with pytest.raises(ToolFailed):
            await answer(
                kind, {"method": "GET", "url": url, "selection": {"type": "jmespath", "expression": expression}}
            )


async def test_error_is_told_whole_and_begins_with_its_status(kind: HttpKind) -> None:
    async with peer(says('{"detail":"no such order"}', "404 Not Found")) as host:
        url = f"http://127.0.0.1:{host.port}/"
        selection = {"type": "json_pointer", "expression": "/items"}
        told = await answer(kind, {"method": "GET", "url": url, "selection": selection})
    assert told == Answer('404 Not Found\n{"detail":"no such order"}', received_bytes=26, is_error=True)


@pytest.mark.parametrize(("own", "size", "fits"), [(100, 100, True), (100, 101, False), (1_000_000, 10_001, False)])
async def test_the_smaller_size_limit_holds(kind: HttpKind, own: int, size: int, fits: bool) -> None:
    async with peer(says(b"x" * size, media_type="text/plain")) as host:
        invocation = {"method": "GET", "url": f"http://127.0.0.1:{host.port}/", "max_bytes": own}
        if fits:
            assert (await answer(kind, invocation)).received_bytes == size
        else:
            with pytest.raises(PeerFailed):
                await answer(kind, invocation)


@pytest.mark.parametrize(
    "security",
    [
        {"type": "api_key", "id": "k", "location": "header", "name": "X-Key"},
        {"type": "api_key", "id": "k", "location": "query", "name": "key"},
        {"type": "api_key", "id": "k", "location": "cookie", "name": "sid"},
        {"type": "basic", "id": "k"},
    ],
)
async def test_secret_is_sent_but_neither_shown_nor_echoed(kind: HttpKind, security: dict[str, str]) -> None:
    async with peer(says(f'{{"you sent":"{CANARY}"}}')) as host:
        invocation = {
            "method": "POST",
            "url": f"http://127.0.0.1:{host.port}/a/{{id}}",
            "security": [security],
            "selection": {"type": "json_pointer", "expression": ""},
        }
        call = call_of(kind, invocation, {"id": "x", "q": "y"})
        shown = await kind.preview(call)
        assert host.requests == []
        told = await kind.call(call)
    assert CANARY not in json.dumps(shown)
    assert MASK in json.dumps(shown, ensure_ascii=False)
    assert shown["url"].startswith(f"http://127.0.0.1:{host.port}/a/x")
    assert shown["body"] == '{"q":"y"}'
    assert told.text == f'{{"you sent":"{MASK}"}}'
    _, headers, _ = asked(host)
    assert CANARY in host.requests[0].decode() or headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "TRACE"}, "method"),
        ({"url": "https://example.com/{unknown}"}, "unknown"),
        ({"url": "https://{id}/"}, "url"),
        ({"url": "https://example.com/" + "a" * 2048}, "url"),
        ({"headers": {"X-A": "{unknown}"}}, "unknown"),
        ({"headers": {"X A": "b"}}, "headers"),
        ({"headers": {"X-A": "b\r\nX-B: c"}}, "headers"),
        ({"headers": {"X-A": "b", "x-a": "c"}}, "headers"),
        ({"headers": {"Content-Type": "{id}"}}, "Content-Type"),
        *(
            ({"headers": {name: "{id}"}}, name)
            for name in ("Host", "content-length", "Transfer-Encoding", "Connection", "Cookie", "Authorization")
        ),
        ({"headers": {"authorization": "Bearer canary-7b1f"}}, "authorization"),
        ({"body": {"a": ["{unknown}"]}}, "unknown"),
        ({"body": "x" * 70_000}, "body"),
        ({"body": {}, "method": "GET"}, "body"),
        ({"selection": {"type": "json_pointer", "expression": "a"}}, "selection"),
        ({"selection": {"type": "jmespath", "expression": "a["}}, "selection"),
        ({"selection": {"type": "jmespath", "expression": "system(a)"}}, "selection"),
        ({"selection": {"type": "jmespath", "expression": "(" * 900}}, "selection"),
        ({"selection": {"type": "jmespath", "expression": "!" * 900 + "a"}}, "selection"),
        ({"selection": {"type": "jmespath", "expression": "a" * 1001}}, "selection"),
        ({"selection": {"type": "xpath", "expression": "//a"}}, "selection"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": 10**9}, "max_bytes"),
        ({"timeout": 5}, "timeout"),
        ({"security": [{"type": "basic"}]}, "security"),
    ],
)
def test_bad_invocation_is_refused_with_what_to_change(kind: HttpKind, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        kind.checked({"method": "POST", "url": "https://example.com/", **changes}, PARAMETERS)
    assert said in refused.value.detail
    assert refused.value.code == "invalid_invocation"
    assert CANARY not in refused.value.detail


def test_checked_invocation_is_complete_and_stays_as_it_is(kind: HttpKind) -> None:
    checked = kind.checked({"method": "GET", "url": "https://example.com/{?q}"}, PARAMETERS)
    assert checked == {
        "method": "GET",
        "url": "https://example.com/{?q}",
        "headers": {},
        "body": None,
        "security": [],
        "selection": None,
        "max_bytes": None,
    }
    assert kind.checked(checked, PARAMETERS) == checked


async def test_braces_around_spaces_are_text(kind: HttpKind) -> None:
    async with peer() as host:
        query = "query($id: ID!) { user(id: $id) { name } }"
        body = {"query": query, "variables": {"id": "{id}"}}
        await answer(kind, {"method": "POST", "url": f"http://127.0.0.1:{host.port}/", "body": body}, id=7)
    assert json.loads(asked(host)[2]) == {"query": query, "variables": {"id": 7}}

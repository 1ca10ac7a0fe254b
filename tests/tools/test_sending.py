"""A request goes out as it was made and is shown without its secrets; an answer is told as what it is."""

import base64
import json
from collections.abc import AsyncIterator
from urllib.parse import quote, quote_plus
from uuid import uuid4

import pytest

from core.tenancy import Role, TenantContext
from tests.tools.peers import peer
from tools.calls import Limits, ToolFailed
from tools.egress.client import Egress, PeerFailed
from tools.egress.policy import EgressPolicy
from tools.request import MASK, HttpRequest
from tools.sending import Response, answer_of, masked, send, text_of

CTX = TenantContext(uuid4(), uuid4(), Role.MEMBER)
SECRET = "s3cr/t +ü"


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(EgressPolicy(allow_hosts=frozenset({"127.0.0.1"}))) as opened:
        yield opened


def response(body: bytes, media_type: str = "", charset: str = "", status: int = 200, *secrets: str) -> Response:
    content_type = f"{media_type}; charset={charset}" if charset else media_type
    headers = (("Content-Type", content_type),) if content_type else ()
    return Response(status, media_type, headers, body, frozenset(secrets))


async def test_request_goes_out_as_it_was_made(egress: Egress) -> None:
    async with peer(b"HTTP/1.1 201 Created\r\nContent-Type: Text/Plain; x=y\r\nContent-Length: 2\r\n\r\nok") as host:
        url = f"http://127.0.0.1:{host.port}/a%2Fb?q=%C3%BC%26&q=2"
        request = HttpRequest("PATCH", url, (("X-Name", "Zoë"), ("X-Two", "1"), ("X-Two", "2")), b"body")
        received = await send(egress, CTX, request, Limits())
    assert (received.status, received.media_type, received.body) == (201, "text/plain", b"ok")
    assert host.requests[0].startswith(b"PATCH /a%2Fb?q=%C3%BC%26&q=2 HTTP/1.1\r\n")
    head, body = host.requests[0].split(b"\r\n\r\n")
    lines = [line.lower() for line in head.split(b"\r\n")]
    assert {b"x-two: 1", b"x-two: 2", "x-name: zoë".encode(), b"content-length: 4"} <= set(lines)
    assert body == b"body"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\x7fb", "\ud800"])
async def test_header_that_would_break_out_is_never_sent(egress: Egress, value: str) -> None:
    async with peer() as host:
        request = HttpRequest("GET", f"http://127.0.0.1:{host.port}/", (("X-Name", value),))
        with pytest.raises(ToolFailed):
            await send(egress, CTX, request, Limits())
    assert host.requests == []


async def test_name_of_a_header_is_checked_too(egress: Egress) -> None:
    with pytest.raises(ToolFailed):
        await send(egress, CTX, HttpRequest("GET", "http://127.0.0.1:1/", (("X Name: a", "b"),)), Limits())


async def test_answer_larger_than_the_limit_is_refused(egress: Egress) -> None:
    async with peer(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101) as host:
        with pytest.raises(PeerFailed):
            request = HttpRequest("GET", f"http://127.0.0.1:{host.port}/")
            await send(egress, CTX, request, Limits(max_bytes=100))


async def test_redirect_is_told_and_not_followed(egress: Egress) -> None:
    async with peer() as elsewhere:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere.port}/\r\nContent-Length: 0\r\n\r\n"
        async with peer(moved.encode()) as host:
            request = HttpRequest("GET", f"http://127.0.0.1:{host.port}/")
            answer = answer_of(await send(egress, CTX, request, Limits()))
    assert (answer.text, answer.is_error) == ("302 Found", True)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("body", "media_type", "charset", "text"),
    [
        (b'{"a": 1}', "application/json", "", '{"a": 1}'),
        (b'{"a":1}', "application/problem+json", "", '{"a":1}'),
        ("ü".encode("latin-1"), "text/plain", "ISO-8859-1", "ü"),
        ("日本".encode("shift_jis"), "text/html", '"Shift_JIS"', "日本"),
        (b"\xef\xbb\xbfhi", "text/plain", "utf-8", "hi"),
        (b"a\xffb", "text/plain", "", "a\N{REPLACEMENT CHARACTER}b"),
        # Codecs of Python's that are no charsets, and some that take quadratic time.
        (b"\\u0041", "text/plain", "unicode_escape", "\\u0041"),
        (b"abc-", "text/plain", "punycode", "abc-"),
        (b"plain", "", "", "plain"),
        (b"\x00\x01", "", "", "Binary data, 2 bytes, which cannot be shown as text."),
        (b"\x89PNG", "image/png", "", "image/png, 4 bytes, which cannot be shown as text."),
    ],
)
def test_text_of_an_answer(body: bytes, media_type: str, charset: str, text: str) -> None:
    assert text_of(response(body, media_type, charset)) == text


@pytest.mark.parametrize(
    ("status", "body", "text", "is_error"),
    [
        (200, b"fine", "fine", False),
        (204, b"", "204 No Content", False),
        (404, b"no pet", "404 Not Found\nno pet", True),
        (799, b"", "799", True),
    ],
)
def test_what_is_no_success_begins_with_its_status(status: int, body: bytes, text: str, is_error: bool) -> None:
    answer = answer_of(response(body, "text/plain", "", status))
    assert (answer.text, answer.received_bytes, answer.is_error) == (text, len(body), is_error)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        base64.b64encode(SECRET.encode()).decode(),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False).replace("/", "\\/"),
    ],
)
def test_peer_that_echoes_a_secret_does_not_tell_it_to_the_model(written: str) -> None:
    text = text_of(response(f"you sent {written}!".encode(), "text/plain", "", 200, SECRET))
    assert text.replace('"', "") == f"you sent {MASK}!"
    assert written not in answer_of(response(b"", "", "", 400, SECRET), f"{written}").text


@pytest.mark.parametrize("secret", [SECRET, "abc", "p%s"])
@pytest.mark.parametrize("encode", [str, quote, quote_plus, lambda value: quote(value, safe="")])
def test_request_is_shown_without_its_secrets(secret: str, encode: type[str]) -> None:
    pair = base64.b64encode(f"bob:{secret}".encode()).decode()
    url = f"https://api.example.com/v1/{quote(secret, safe='')}/x?page=2&key={encode(secret)}"
    headers = (("Authorization", f"Basic {pair}"), ("Cookie", f"sid={secret}"), ("X-Key", secret), ("Accept", "*/*"))
    shown = masked(HttpRequest("POST", url, headers, json.dumps({"key": secret}).encode(), frozenset({secret, ""})))
    assert shown["method"] == "POST"
    assert shown["url"] == f"https://api.example.com/v1/{MASK}/x?page=2&key={MASK}"
    assert shown["headers"]["Authorization"] == f"Basic {MASK}"
    assert shown["headers"]["X-Key"] == MASK
    assert shown["headers"]["Accept"] == "*/*"
    everything = json.dumps(shown, ensure_ascii=False)
    for form in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), pair):
        assert form not in everything


def test_derived_header_is_secret_without_its_scheme_too() -> None:
    pair = base64.b64encode(b"bob:hunter2").decode()
    secrets = frozenset({f"Basic {pair}", "hunter2"})
    assert text_of(Response(200, "text/plain", (), f"got {pair}, hunter2".encode(), secrets)) == f"got {MASK}, {MASK}"


def test_request_without_secrets_is_shown_as_it_is() -> None:
    shown = masked(HttpRequest("GET", "https://example.com/a?b=c&d", (("A", "1"), ("A", "2"))))
    assert shown == {
        "method": "GET",
        "url": "https://example.com/a?b=c&d",
        "headers": {"A": "1, 2"},
        "body": None,
    }


def test_no_secret_in_a_repr() -> None:
    request = HttpRequest("POST", "https://example.com", (), SECRET.encode(), frozenset({SECRET}))
    assert SECRET not in repr(request)
    assert SECRET not in repr(response(SECRET.encode(), "text/plain", "", 200, SECRET))

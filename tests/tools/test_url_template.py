"""An argument stays in the place of a URL that the template gave it."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from tools.calls import ToolFailed
from tools.http.url_template import check_template, expanded, with_query

PLACES = [
    "https://api.example.com:8443/v1/{x}/orders",
    "https://api.example.com/v1/a-{x}.json?fixed=1{&y}",
    "https://api.example.com/v1/{x:5}{;y}",
    "https://api.example.com/v1{/x}/end{?y*}",
    "https://api.example.com/v1/a{.x}?q={y}",
]


@given(st.sampled_from(PLACES), st.text(), st.text())
def test_no_argument_changes_anything_but_its_place(template: str, x: str, y: str) -> None:
    try:
        url = urlsplit(expanded(template, {"x": x, "y": y}))
    except (ToolFailed, UnicodeEncodeError):
        return
    plain = urlsplit(expanded(template, {"x": "x", "y": "y"}))
    assert (url.scheme, url.netloc, url.fragment) == (plain.scheme, plain.netloc, "")
    assert url.path.count("/") == plain.path.count("/")
    assert not {".", "..", ""} & set(map(unquote, url.path.split("/")[1:]))
    assert len(url.query.split("&")) == len(plain.query.split("&"))
    assert url.geturl().isascii()
    assert url.geturl().isprintable()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_arrives_is_what_was_given(text: str) -> None:
    url = urlsplit(expanded("https://api.example.com/v1/-{x}?q={x}", {"x": text}))
    assert unquote(url.path) == f"/v1/-{text}"
    assert parse_qsl(url.query, keep_blank_values=True) == [("q", text)]


@pytest.mark.parametrize(
    "hostile",
    ["..", ".", "../admin", "a/../../b", "..\\admin", "..;/admin", "x/..", ""],
)
def test_argument_that_leads_to_another_folder_is_refused(hostile: str) -> None:
    with pytest.raises(ToolFailed):
        expanded("https://api.example.com/v1/{x}/orders", {"x": hostile})


def test_two_arguments_make_no_dot_segment_together() -> None:
    with pytest.raises(ToolFailed):
        expanded("https://api.example.com/{x}{y}/a", {"x": ".", "y": "."})


@pytest.mark.parametrize(
    ("hostile", "path"),
    [
        ("a?admin=1", "/v1/a%3Fadmin%3D1"),
        ("a#b", "/v1/a%23b"),
        ("@evil.com", "/v1/%40evil.com"),
        ("//evil.com/", "/v1/%2F%2Fevil.com%2F"),
        ("a\r\nX-Evil: 1", "/v1/a%0D%0AX-Evil%3A%201"),
        ("%2e%2e", "/v1/%252e%252e"),
        ("a\x00", "/v1/a%00"),
    ],
)
def test_hostile_argument_is_encoded(hostile: str, path: str) -> None:
    assert expanded("https://api.example.com/v1/{x}", {"x": hostile}) == f"https://api.example.com{path}"


@pytest.mark.parametrize(
    ("template", "arguments", "expected"),
    [
        ("/u/{id}", {"id": 0}, "/u/0"),
        ("/u/{id}", {"id": "a b"}, "/u/a%20b"),
        ("/u{?a,b}", {"a": True, "b": None}, "/u?a=true"),
        ("/u{?a,b}", {}, "/u"),
        ("/u{?a}", {"a": 0}, "/u?a=0"),
        ("/u{?ids}", {"ids": [1, 2]}, "/u?ids=1,2"),
        ("/u{?ids*}", {"ids": [1, 2]}, "/u?ids=1&ids=2"),
        ("/u{?filter*}", {"filter": {"b": 1, "a": "x&y"}}, "/u?a=x%26y&b=1"),
        ("/u{?where}", {"where": [{"a": 1}]}, "/u?where=%7B%22a%22%3A1%7D"),
        ("/u{/id}", {}, "/u"),
        ("/u{/path*}", {"path": ["a", "b/c"]}, "/u/a/b%2Fc"),
        ("/u/{id:3}", {"id": 12345}, "/u/123"),
        ("/u?a=1{&b}", {"b": "ü"}, "/u?a=1&b=%C3%BC"),
    ],
)
def test_expansion(template: str, arguments: dict[str, Any], expected: str) -> None:
    check_template(f"https://example.com{template}")
    assert expanded(f"https://example.com{template}", arguments) == f"https://example.com{expected}"


@pytest.mark.parametrize("arguments", [{}, {"id": ""}, {"id": None}, {"id": []}])
def test_missing_path_argument_does_not_reach_the_collection(arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolFailed):
        expanded("https://example.com/users/{id}", arguments)


@pytest.mark.parametrize(
    "template",
    [
        "https://{host}/a",
        "https://api.{host}/a",
        "{scheme}://example.com/a",
        "{url}",
        "https://example.com{path}",
        "https://example.com{?q}",
        "https://example.com:{port}/a",
        "https://example.com/{+path}",
        "https://example.com/{#path}",
        "https://example.com/{=x}",
        "https://example.com/{x=default}",
        "https://example.com/{}",
        "https://example.com/{x",
        "https://example.com/x}",
        "https://example.com/{{x}}",
        "https://example.com/{a b}",
        "https://example.com/a/../b",
        "https://example.com/a/%2E%2e/b",
        "https://example.com/a#b",
        "https://example.com/a b",
        "https://example.com/a\r\nHost: evil.com",
        "https://example.com/ü",
        "https:///a",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "/a",
        "",
    ],
)
def test_template_that_leaves_too_much_to_arguments_is_refused(template: str) -> None:
    with pytest.raises(Invalid):
        check_template(template)


def test_arguments_without_a_place_are_parameters() -> None:
    arguments = {"a": "x y", "b": [1, 2], "c": None, "d": {"e": True}}
    assert with_query("https://example.com/a?z=1", arguments) == (
        "https://example.com/a?z=1&a=x+y&b=1&b=2&d=%7B%22e%22%3Atrue%7D"
    )
    assert with_query("https://example.com/a", {}) == "https://example.com/a"

"""Where an operation is called, and as whom."""

from typing import Any

import pytest

from core.errors import Invalid
from tests.tools.openapi.documents import document, draft_of, imported, reason_of
from tools.credentials.schemes import ApiKey, AuthorizationCode, Basic, Bearer, ClientCredentials
from tools.openapi.importing import tools_of
from tools.openapi.invocation import OpenApiInvocation

URL = "https://docs.example.com/specs/openapi.json"


def server(servers: Any, *, url: str | None = None, **operation: Any) -> str:
    found: str = draft_of(operation, servers=servers, url=url).invocation["server"]
    return found


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([{"url": "https://a.example/v1/"}], "https://a.example/v1"),
        ([{"url": "https://a.example/v1?x=1#y"}], "https://a.example/v1"),
        ([{"url": "http://a.example"}, {"url": "https://b.example"}], "https://b.example"),
        ([{"url": "http://a.example:8080"}], "http://a.example:8080"),
        ([{"url": "/v2"}], "https://docs.example.com/v2"),
        ([{"url": "v2"}], "https://docs.example.com/specs/v2"),
        ([{"url": "//c.example/v3"}], "https://c.example/v3"),
        ([{"url": "{nothing}"}, {"url": "https://d.example"}], "https://d.example"),
        ([], "https://docs.example.com"),
        (None, "https://docs.example.com"),
        ("junk", "https://docs.example.com"),
    ],
)
def test_servers(servers: Any, expected: str) -> None:
    assert server(servers, url=URL) == expected


def test_the_nearest_servers_count() -> None:
    item = {
        "servers": [{"url": "https://path.example"}],
        "get": {},
        "post": {"servers": [{"url": "https://own.example"}]},
    }
    found = tools_of(document({"/a": item, "/b": {"get": {}}}))
    assert [tool.invocation["server"] for tool in found.tools] == [
        "https://path.example",
        "https://own.example",
        "https://api.example.com/v1",
    ]


def test_server_variables_take_their_defaults() -> None:
    variables = {
        "region": {"default": "eu", "enum": ["us", "eu"]},
        "version": {"default": 2},
        "port": {"enum": ["443"]},
    }
    templated = {"url": "https://{region}.a.example:{port}/v{version}", "variables": variables}
    assert server([templated]) == "https://eu.a.example:443/v2"


@pytest.mark.parametrize(
    "servers",
    [
        [{"url": "/v1"}], [], [{}], ["https://a.example"], [{"url": "https://{tenant}.a.example"}],
        [{"url": "https://{tenant}.a.example", "variables": {"tenant": {"default": ""}}}],
        [{"url": "ftp://a.example"}], [{"url": "https://user:word@a.example"}], [{"url": "https://a b.example"}],
        [{"url": "https://[::1"}], [{"url": "javascript:alert(1)"}], [{"url": 7}],
        [{"url": "https://a.example\r\nX: 1"}],
        [{"url": "https://a.example:99999999"}], [{"url": "https://" + "a" * 3000}],
    ],
)  # fmt: skip
def test_without_a_server_that_can_be_called_an_admin_is_asked_for_one(servers: Any) -> None:
    assert "pass `base_url`" in reason_of({}, servers=servers)


def test_a_base_url_stands_in_the_place_of_all_servers() -> None:
    given = document({"/a": {"get": {"servers": [{"url": "https://own.example"}]}}}, servers=[])
    (draft,) = tools_of(given, base_url="https://mine.example/api/").tools
    assert draft.invocation["server"] == "https://mine.example/api"


@pytest.mark.parametrize("base_url", ["/v1", "mine.example", "ftp://a.example", "https://u:p@a.example", "https://"])
def test_a_base_url_that_is_none_is_refused(base_url: str) -> None:
    with pytest.raises(Invalid) as refused:
        tools_of(document({"/a": {"get": {}}}), base_url=base_url)
    assert refused.value.code == "openapi_base_url"


SCHEMES: dict[str, Any] = {
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "basic": {"type": "http", "scheme": "Basic"},
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "client": {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {"tokenUrl": "https://auth.example/token", "scopes": {"read": "", "write": ""}}
        },
    },
    "code": {
        "type": "oauth2",
        "flows": {"authorizationCode": {"authorizationUrl": "https://auth.example/go", "tokenUrl": "/token"}},
    },
    "implicit": {"type": "oauth2", "flows": {"implicit": {"authorizationUrl": "https://auth.example/go"}}},
    "password": {"type": "oauth2", "flows": {"password": {"tokenUrl": "https://auth.example/token"}}},
    "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://auth.example"},
    "mtls": {"type": "mutualTLS"},
    "digest": {"type": "http", "scheme": "digest"},
    "broken": {"type": "apiKey", "in": "header", "name": "a b"},
    "odd name!": {"$ref": "#/components/securitySchemes/basic"},
}
ROOT: dict[str, Any] = {"components": {"securitySchemes": SCHEMES}, "url": URL}


def security(*alternatives: dict[str, Any]) -> tuple[Any, ...]:
    draft = draft_of({"security": list(alternatives)}, **ROOT)
    return OpenApiInvocation.model_validate(draft.invocation).security


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("header", ApiKey(id="header", location="header", name="X-Key")),
        ("query", ApiKey(id="query", location="query", name="key")),
        ("cookie", ApiKey(id="cookie", location="cookie", name="sid")),
        ("basic", Basic(id="basic")),
        ("bearer", Bearer(id="bearer")),
        ("client", ClientCredentials(id="client", token_url="https://auth.example/token")),
        ("code", AuthorizationCode(id="code", authorization_url="https://auth.example/go",
                                   token_url="https://docs.example.com/token")),
        ("implicit", Bearer(id="implicit")),
        ("password", Bearer(id="password")),
        ("odd name!", Basic(id="odd_name")),
    ],
)  # fmt: skip
def test_every_scheme(name: str, expected: Any) -> None:
    assert security({name: []}) == (expected,)


@pytest.mark.parametrize("name", ["oidc", "mtls", "digest", "broken", "missing"])
def test_what_cannot_be_fulfilled_skips_the_operation(name: str) -> None:
    assert name in reason_of({"security": [{name: []}]}, **ROOT)


def test_the_first_alternative_that_can_be_fulfilled_is_chosen() -> None:
    assert security({"oidc": []}, {"mtls": [], "header": []}, {"query": []}, {"header": []}) == (
        ApiKey(id="query", location="query", name="key"),
    )
    assert security({"oidc": []}, {}) == ()
    assert security() == ()


def test_all_schemes_of_an_alternative_are_needed_but_one_authorization() -> None:
    chosen = security({"header": [], "implicit": [], "code": ["read"], "query": []})
    assert [scheme.id for scheme in chosen] == ["header", "code", "query"]


def test_the_operations_own_requirement_counts() -> None:
    item = {"get": {}, "put": {"security": []}, "post": {"security": [{"basic": []}]}}
    found = tools_of(document({"/a": item}, components=ROOT["components"], security=[{"bearer": []}]))
    schemes = [OpenApiInvocation.model_validate(tool.invocation).security for tool in found.tools]
    assert [[scheme.id for scheme in each] for each in schemes] == [["bearer"], [], ["basic"]]


def test_a_scheme_asks_for_the_scopes_that_any_operation_needs() -> None:
    """They share one token."""
    item = {"get": {"security": [{"client": ["read"]}]}, "post": {"security": [{"client": ["write", "read"]}]}}
    found = tools_of(document({"/a": item}, components=ROOT["components"]))
    assert [tool.invocation["security"][0]["scopes"] for tool in found.tools] == [["read", "write"]] * 2


def test_a_flow_that_is_not_supported_is_noted() -> None:
    draft = draft_of({"security": [{"implicit": []}]}, **ROOT)
    assert any("store a token" in note for note in draft.notes)


@pytest.mark.parametrize(
    "declared", [None, [], "x", {"key": None}, {"key": {"type": "apiKey"}}, {"key": {"$ref": "#/x"}}]
)
def test_broken_schemes_break_only_who_needs_them(declared: Any) -> None:
    item = {"get": {}, "post": {"security": [{"key": []}]}, "put": {"security": "junk"}}
    found = tools_of(document({"/a": item}, components={"securitySchemes": declared}))
    assert len(found.tools) == 2
    assert len(found.skipped) == 1
    assert imported({"security": [None, {}]}).tools

"""Every style of a parameter, as it is on the wire, and names that function calling does not take."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.openapi.documents import SERVER, document, draft_of, reason_of, request, sent
from tools.calls import ToolFailed
from tools.openapi.importing import tools_of

LIST = ["blue", "black"]
OBJECT = {"R": 100, "G": 200}


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("form", True, "blue", "color=blue"),
        ("form", True, "", "color="),
        ("form", True, True, "color=true"),
        ("form", True, 1.5, "color=1.5"),
        ("form", True, "a b&c=d/é", "color=a%20b%26c%3Dd%2F%C3%A9"),
        ("form", True, LIST, "color=blue&color=black"),
        ("form", False, LIST, "color=blue,black"),
        ("form", False, ["a,b", "c"], "color=a%2Cb,c"),
        ("form", True, OBJECT, "R=100&G=200"),
        ("form", False, OBJECT, "color=R,100,G,200"),
        ("spaceDelimited", False, LIST, "color=blue%20black"),
        ("spaceDelimited", True, LIST, "color=blue&color=black"),
        ("pipeDelimited", False, LIST, "color=blue%7Cblack"),
        ("deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200"),
        ("deepObject", True, {"a": {"b": [1, 2]}}, "color%5Ba%5D%5Bb%5D%5B0%5D=1&color%5Ba%5D%5Bb%5D%5B1%5D=2"),
        ("form", True, [{"a": 1}], "color=%7B%22a%22%3A1%7D"),
        ("form", True, [], ""),
    ],
)
def test_styles_in_a_query(style: str, explode: bool, value: Any, expected: str) -> None:
    raw = {"name": "color", "in": "query", "style": style, "explode": explode, "schema": {}}
    assert urlsplit(sent(raw, value).url).query == expected


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("simple", False, "blue", "/blue"),
        ("simple", False, LIST, "/blue,black"),
        ("simple", False, OBJECT, "/R,100,G,200"),
        ("simple", True, OBJECT, "/R=100,G=200"),
        ("label", False, "blue", "/.blue"),
        ("label", False, LIST, "/.blue,black"),
        ("label", True, LIST, "/.blue.black"),
        ("label", True, OBJECT, "/.R=100.G=200"),
        ("matrix", False, "blue", "/;color=blue"),
        ("matrix", False, LIST, "/;color=blue,black"),
        ("matrix", True, LIST, "/;color=blue;color=black"),
        ("matrix", False, OBJECT, "/;color=R,100,G,200"),
        ("matrix", True, OBJECT, "/;R=100;G=200"),
        ("simple", False, "a/b?c#d", "/a%2Fb%3Fc%23d"),
        ("simple", False, 7, "/7"),
        ("simple", False, False, "/false"),
    ],
)
def test_styles_in_a_path(style: str, explode: bool, value: Any, expected: str) -> None:
    raw = {"name": "color", "in": "path", "required": True, "style": style, "explode": explode, "schema": {}}
    assert sent(raw, value, "/{color}").url == SERVER + expected


@pytest.mark.parametrize(
    ("explode", "value", "expected"),
    [
        (False, "blue é", "blue é"),
        (False, LIST, "blue,black"),
        (False, OBJECT, "R,100,G,200"),
        (True, OBJECT, "R=100,G=200"),
        (False, True, "true"),
    ],
)
def test_styles_in_a_header(explode: bool, value: Any, expected: str) -> None:
    raw = {"name": "X-Color", "in": "header", "explode": explode, "schema": {}}
    assert dict(sent(raw, value).headers)["X-Color"] == expected


@pytest.mark.parametrize(
    ("explode", "value", "expected"),
    [
        (True, "blue", "color=blue"),
        (True, 'a;b "c", d%', "color=a%3Bb%20%22c%22%2C%20d%25"),
        (False, LIST, "color=blue%2Cblack"),
        (False, OBJECT, "color=R%2C100%2CG%2C200"),
        (True, OBJECT, "R=100; G=200"),
    ],
)
def test_styles_in_a_cookie(explode: bool, value: Any, expected: str) -> None:
    raw = {"name": "color", "in": "cookie", "explode": explode, "schema": {}}
    assert dict(sent(raw, value).headers)["Cookie"] == expected


def test_cookies_share_one_header() -> None:
    draft = draft_of({"parameters": [{"name": name, "in": "cookie", "schema": {}} for name in "ab"]})
    assert dict(request(draft, a=1, b=2).headers)["Cookie"] == "a=1; b=2"


def test_reserved_characters_stay_where_they_are_allowed_and_begin_nothing_new() -> None:
    raw = {"name": "q", "in": "query", "allowReserved": True, "schema": {"type": "string"}}
    assert urlsplit(sent(raw, "a/b:c?d#e&f=g").url).query == "q=a/b:c?d%23e%26f=g"


@pytest.mark.parametrize(
    ("location", "expected"),
    [("query", "?filter=%7B%22a%22%3A%5B1%5D%7D"), ("path", "/%7B%22a%22%3A%5B1%5D%7D")],
)
def test_a_parameter_with_content_is_written_as_json(location: str, expected: str) -> None:
    content = {"application/json": {"schema": {"type": "object", "properties": {"a": {"type": "array"}}}}}
    raw = {"name": "filter", "in": location, "content": content}
    path = "/pets/{filter}" if location == "path" else "/pets"
    draft = draft_of({"parameters": [raw]}, path=path)
    assert draft.parameters["properties"]["filter"]["type"] == "object"
    assert request(draft, filter={"a": [1]}).url == f"{SERVER}/pets{expected}"


def test_parameters_of_the_path_are_overridden_by_the_operations_own() -> None:
    shared = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"$ref": "#/components/parameters/Limit"},
    ]
    own = [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}]
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer"}, "description": "How many."}
    item = {"parameters": shared, "get": {"parameters": own}}
    (draft,) = tools_of(document({"/pets/{id}": item}, components={"parameters": {"Limit": limit}})).tools
    assert draft.parameters["properties"] == {
        "id": {"type": "integer"},
        "limit": {"type": "integer", "description": "How many."},
    }
    assert draft.parameters["required"] == ["id"]


def test_names_that_function_calling_does_not_take_are_changed_and_changed_back() -> None:
    names = ["filter[name]", "$top", "X Request", "ids[]", "ünïcode", "filter_name", "a" * 80, "a" * 81, "$", "body"]
    draft = draft_of(
        {
            "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names],
            "requestBody": {"content": {"application/json": {"schema": {}}}},
        },
        method="post",
    )
    arguments = [*draft.parameters["properties"]]
    assert arguments[:6] == ["filter_name", "top", "X_Request", "ids", "n_code", "filter_name_query"]
    assert arguments[8:] == ["unnamed", "body_query", "body"]
    assert all(len(name) <= 64 for name in arguments)
    url = request(draft, **{name: str(number) for number, name in enumerate(arguments)}).url
    assert [name for name, _ in parse_qsl(urlsplit(url).query)] == names


def test_one_name_in_several_places_is_told_apart() -> None:
    raw: list[dict[str, Any]] = [
        {"name": "id", "in": location, "required": True, "schema": {}}
        for location in ("path", "query", "header", "cookie")
    ]
    draft = draft_of({"parameters": raw}, path="/pets/{id}")
    assert [*draft.parameters["properties"]] == ["id", "id_query", "id_header", "id_cookie"]
    made = request(draft, id="p", id_query="q", id_header="h", id_cookie="c")
    assert made.url == f"{SERVER}/pets/p?id=q"
    assert dict(made.headers) | {"id": "h", "Cookie": "id=c"} == dict(made.headers)


@pytest.mark.parametrize(
    "name",
    [
        "Accept",
        "content-type",
        "Authorization",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Cookie",
        "Connection",
        "Idempotency-Key",
    ],
)
def test_headers_that_are_set_with_the_request_are_no_arguments(name: str) -> None:
    draft = draft_of({"parameters": [{"name": name, "in": "header", "required": True, "schema": {"type": "string"}}]})
    assert draft.parameters["properties"] == {}
    assert any(name in note for note in draft.notes)


def test_a_parameter_that_is_the_credential_is_no_argument() -> None:
    schemes = {"key": {"type": "apiKey", "in": "query", "name": "api_key"}}
    draft = draft_of(
        {
            "parameters": [{"name": "api_key", "in": "query", "required": True, "schema": {}}],
            "security": [{"key": []}],
        },
        components={"securitySchemes": schemes},
    )
    assert draft.parameters["properties"] == {}


def test_variables_that_a_document_forgot_to_declare_are_asked_for() -> None:
    draft = draft_of(
        {"parameters": [{"name": "other", "in": "path", "required": True, "schema": {}}]}, path="/a/{id}.json"
    )
    assert draft.parameters["properties"] == {"id": {"type": "string"}}
    assert draft.parameters["required"] == ["id"]
    assert request(draft, id="7").url == f"{SERVER}/a/7.json"
    assert any("other" in note for note in draft.notes)


def test_parameters_written_as_swagger_2_did_keep_their_type() -> None:
    draft = draft_of({"parameters": [{"name": "n", "in": "query", "type": "integer", "maximum": 9}]})
    assert draft.parameters["properties"] == {"n": {"type": "integer", "maximum": 9}}


def test_a_broken_parameter_skips_the_operation_only_if_it_is_required() -> None:
    broken = {"name": "a b", "in": "header", "schema": {}}
    assert draft_of({"parameters": [broken]}).parameters["properties"] == {}
    assert "cannot be sent" in reason_of({"parameters": [broken | {"required": True}]})
    assert "OpenAPI 3 has not" in reason_of({"parameters": [{"name": "a", "in": "formData", "required": True}]})
    assert draft_of({"parameters": [{"in": "query"}, "junk", None, {"name": "a", "in": "body"}]}).notes


def test_a_path_may_bring_a_query_and_a_fragment_of_its_own() -> None:
    draft = draft_of({"parameters": [{"name": "n", "in": "query", "schema": {}}]}, path="/?Action=List#one")
    assert request(draft, n=1).url == f"{SERVER}/?Action=List&n=1"


@pytest.mark.parametrize("value", ["", ".", "..", None])
def test_no_argument_takes_a_part_of_the_path_away(value: str | None) -> None:
    draft = draft_of({}, path="/pets/{id}/toys")
    with pytest.raises(ToolFailed):
        request(draft, id=value)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b"])
def test_no_argument_begins_another_header(value: str) -> None:
    for location in ("header", "cookie"):
        draft = draft_of({"parameters": [{"name": "a", "in": location, "schema": {"type": "string"}}]})
        if location == "header":
            with pytest.raises(ToolFailed):
                request(draft, a=value)
        else:
            assert not set("\r\n\x00") & set(dict(request(draft, a=value).headers)["Cookie"])


@given(st.text(), st.text(), st.lists(st.text(), max_size=3), st.dictionaries(st.text(), st.text(), max_size=3))
def test_no_argument_changes_where_a_request_goes(
    path: str, query: str, items: list[str], deep: dict[str, str]
) -> None:
    draft = draft_of(
        {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {}},
                {"name": "q", "in": "query", "allowReserved": True, "schema": {}},
                {"name": "items", "in": "query", "schema": {}},
                {"name": "deep", "in": "query", "style": "deepObject", "schema": {}},
            ]
        },
        path="/pets/{id}/toys",
    )
    try:
        made = request(draft, id=path, q=query, items=items, deep=deep)
    except ToolFailed:
        return
    parts = urlsplit(made.url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.com", "")
    assert parts.path.split("/")[:3] == ["", "v1", "pets"]
    assert parts.path.split("/")[4:] == ["toys"]
    assert parts.query.count("q=") >= 1
    assert parts.query.count("&") == len(items) + len(deep)
    assert made.url.isascii()
    assert made.url.isprintable()

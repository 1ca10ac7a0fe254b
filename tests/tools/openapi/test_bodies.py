"""Bodies in every media type that a model can write, byte for byte."""

import base64
import email
import email.policy
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.tools.openapi.documents import draft_of, imported, reason_of, request
from tools.calls import ToolFailed
from tools.openapi.drafting import Draft

FORM = "application/x-www-form-urlencoded"


def draft(content: dict[str, Any], *, required: bool = True, **root: Any) -> Draft:
    return draft_of({"requestBody": {"required": required, "content": content}}, method="post", **root)


def sent(draft: Draft, value: Any) -> tuple[str, bytes]:
    made = request(draft, body=value)
    assert made.body is not None
    return dict(made.headers)["Content-Type"], made.body


def parts(media_type: str, body: bytes) -> list[tuple[str, str | None, str, bytes]]:
    """(name, filename, media type, content) of each part, as Python's mail parser reads them."""
    parsed = email.message_from_bytes(
        b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP
    )
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),  # type: ignore[misc]
        )
        for part in parsed.iter_parts()
    ]


@pytest.mark.parametrize(
    ("media_type", "sent_as"),
    [
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json; charset=utf-8"),
        ("application/vnd.api+json", "application/vnd.api+json"),
        ("application/merge-patch+json", "application/merge-patch+json"),
        ("APPLICATION/JSON", "APPLICATION/JSON"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/json", "text/json"),
    ],
)
def test_json(media_type: str, sent_as: str) -> None:
    assert sent(draft({media_type: {"schema": {}}}), {"a": [1, None, "é"]}) == (
        sent_as,
        '{"a":[1,null,"é"]}'.encode(),
    )


def test_json_is_preferred_and_then_forms_and_then_text() -> None:
    offered = ["text/plain", "multipart/form-data", "application/xml", FORM, "application/json-patch+json"]
    assert sent(draft({name: {} for name in offered}), {})[0] == "application/json-patch+json"
    assert sent(draft({name: {} for name in offered[:4]}), {"a": 1})[0] == FORM
    assert sent(draft({name: {} for name in offered[:3]}), {"a": 1})[0].startswith("multipart/form-data;")
    assert sent(draft({name: {} for name in [*offered, "application/json"]}), {})[0] == "application/json"


def test_text_is_sent_as_it_is() -> None:
    found = draft({"text/plain": {"schema": {"type": "string", "maxLength": 9}}})
    assert found.parameters["properties"]["body"] == {"type": "string", "maxLength": 9}
    assert sent(found, "a\nb é") == ("text/plain; charset=utf-8", "a\nb é".encode())


def test_the_body_is_required_where_the_document_says_so() -> None:
    content = {"application/json": {"schema": {"type": "object"}}}
    assert draft(content).parameters["required"] == ["body"]
    optional = draft(content, required=False)
    assert optional.parameters["required"] == []
    assert request(optional).body is None


def test_a_body_that_no_model_can_write_skips_the_operation_only_if_it_is_required() -> None:
    content: dict[str, Any] = {"application/octet-stream": {}, "application/xml": {}}
    assert "no media type that a model can write" in reason_of(
        {"requestBody": {"required": True, "content": content}}, method="post"
    )
    found = draft(content, required=False)
    assert found.parameters["properties"] == {}
    assert "no media type" in found.notes[0]


@pytest.mark.parametrize("raw", [None, [], "x", {}, {"content": None}, {"content": {"application/json": None}}])
def test_a_broken_body_does_not_break_the_document(raw: Any) -> None:
    assert len(imported({"requestBody": raw}, method="post").tools) == 1


def test_a_body_that_is_referred_to() -> None:
    bodies = {"Pet": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
    operation = {"requestBody": {"$ref": "#/components/requestBodies/Pet"}}
    found = draft_of(operation, method="put", components={"requestBodies": bodies})
    assert found.parameters["required"] == ["body"]


def test_a_form() -> None:
    made = sent(draft({FORM: {"schema": {"type": "object"}}}), {"a b": "c&d", "list": [1, 2], "on": True, "no": None})
    assert made == (FORM, b"a%20b=c%26d&list=1&list=2&on=true")


def test_a_form_whose_properties_have_styles() -> None:
    encoding = {
        "deep": {"style": "deepObject", "explode": True},
        "joined": {"style": "form", "explode": False},
        "piped": {"style": "pipeDelimited", "explode": False},
        "typed": {"contentType": "application/json"},
    }
    value = {"deep": {"a": {"b": 1}}, "joined": [1, 2], "piped": [1, 2], "typed": [1, 2], "plain": {"x": 1}}
    _, body = sent(draft({FORM: {"schema": {"type": "object"}, "encoding": encoding}}), value)
    assert parse_qsl(body.decode()) == [
        ("deep[a][b]", "1"),
        ("joined", "1,2"),
        ("piped", "1|2"),
        ("typed", "[1,2]"),
        ("plain", '{"x":1}'),
    ]


def test_a_form_that_is_no_object_is_refused() -> None:
    for media_type in (FORM, "multipart/form-data"):
        with pytest.raises(ToolFailed, match="must be an object"):
            request(draft({media_type: {}}), body="a=b")


def test_a_multipart_form() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "photo": {"type": "string", "format": "binary"},
            "scans": {"type": "array", "items": {"type": "string", "format": "binary"}},
            "typed": {"type": "string", "format": "binary"},
            "address": {"$ref": "#/components/schemas/Address"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    }
    encoding = {"typed": {"contentType": "text/csv, text/plain"}, "tags": {"contentType": "application/json"}}
    components = {"schemas": {"Address": {"type": "object"}}}
    found = draft({"multipart/form-data": {"schema": schema, "encoding": encoding}}, components=components)
    assert "data: URLs" in found.parameters["properties"]["body"]["description"]
    image = b"\x89PNG\r\n\x00"
    value = {
        "name": 'a"b',
        "photo": f"data:image/png;base64,{base64.b64encode(image).decode()}",
        "scans": ["one", "two"],
        "typed": "x,y",
        "address": {"city": "Zürich"},
        "tags": ["a", "b"],
        "count": 3,
    }
    media_type, body = sent(found, value)
    assert parts(media_type, body) == [
        ("name", None, "text/plain", b'a"b'),
        ("photo", "photo", "image/png", image),
        ("scans", "scans", "application/octet-stream", b"one"),
        ("scans", "scans", "application/octet-stream", b"two"),
        ("typed", "typed", "text/csv", b"x,y"),
        (
            "address",
            None,
            "application/json",
            json.dumps({"city": "Zürich"}, ensure_ascii=False, separators=(",", ":")).encode(),
        ),
        ("tags", None, "application/json", b'["a","b"]'),
        ("count", None, "text/plain", b"3"),
    ]
    assert sent(found, value) == (media_type, body), "a repeated call sends the same bytes"


def test_no_name_or_value_of_a_form_begins_another_part() -> None:
    found = draft({"multipart/form-data": {"schema": {"type": "object"}}})
    evil = 'x"\r\n\r\ninjected\r\n--boundary'
    media_type, body = sent(found, {evil: evil, "other": "1"})
    assert len(parts(media_type, body)) == 2
    boundary = media_type.rpartition("=")[2].encode()
    assert body.count(b"--" + boundary) == 3


def test_base64_that_is_none_is_told_to_the_model() -> None:
    schema = {"properties": {"photo": {"type": "string", "format": "binary"}}}
    with pytest.raises(ToolFailed, match="base64"):
        request(draft({"multipart/form-data": {"schema": schema}}), body={"photo": "data:image/png;base64,%%%"})


def test_every_write_carries_its_idempotency_key_and_no_read_does() -> None:
    for method in ("post", "put", "patch", "delete"):
        assert dict(request(draft_of({}, method=method)).headers)["Idempotency-Key"] == "key-1"
    for method in ("get", "head", "options", "trace"):
        assert "Idempotency-Key" not in dict(request(draft_of({}, method=method)).headers)

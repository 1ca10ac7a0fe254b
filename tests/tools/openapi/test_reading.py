"""What is read as an OpenAPI document, and what is refused as a whole."""

from typing import Any

import orjson
import pytest

from core.errors import Invalid
from tools.openapi import reading, yaml_values
from tools.openapi.importing import read_document, tools_of
from tools.openapi.yaml_values import NotYaml, loads

HEAD = "openapi: 3.0.3\ninfo: {title: T, version: 1.10}\nservers: [{url: https://a.example}]\n"


@pytest.mark.parametrize("version", ["3.0.0", "3.0.3", "3.1.0", "3.1.1", "3.2.0", 3.0, "3.1"])
def test_every_version_of_openapi_3_is_read(version: str | float) -> None:
    assert read_document(orjson.dumps({"openapi": version, "info": {"title": "T"}})).title == "T"


@pytest.mark.parametrize(
    "root", [{"swagger": "2.0"}, {"openapi": "2.0"}, {"openapi": "4.0.0"}, {}, {"openapi": None}]
)
def test_other_versions_are_refused(root: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        read_document(orjson.dumps(root))
    assert refused.value.code == "openapi_version"


def test_swagger_2_is_told_to_be_converted() -> None:
    with pytest.raises(Invalid, match="Convert it to OpenAPI 3"):
        read_document(b'swagger: "2.0"\ninfo: {title: T}')


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x01", b"<html></html>", b"{", b"[1]", b"just words", b"a: b: c", b"\xff\xfe\xff", b"&a [*a]"]
)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read_document(data)
    assert refused.value.code in ("openapi_unreadable", "openapi_version")


def test_a_document_of_more_bytes_than_allowed_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    with pytest.raises(Invalid, match="more than 0 MB"):
        read_document(b" " * 101)


def test_keys_and_words_of_yaml_stay_what_they_look_like() -> None:
    read = loads(
        b"200: ok\n0x1F: hex\nno: word\n1.0: float\nnull: key\n"
        b"values: [no, yes, on, off, 2024-01-01, 0o17, 017, 1_000, 12:30:00, .inf, 0x1F, "
        b"~, true, 1.50, -3, '200', 1e3]\n"
    )
    assert [*read] == ["200", "0x1F", "no", "1.0", "null", "values"]
    assert read["values"] == [
        *["no", "yes", "on", "off", "2024-01-01", "0o17", "017", "1_000", "12:30:00", ".inf", "0x1F"],
        *[None, True, 1.5, -3, "200", 1000.0],
    ]


def test_response_codes_of_yaml_do_not_keep_an_operation_from_being_imported() -> None:
    yaml = HEAD + "paths:\n  /a:\n    get:\n      operationId: no\n      responses: {200: {description: on}}\n"
    assert [tool.name for tool in tools_of(read_document(yaml.encode())).tools] == ["no"]


def test_the_last_of_equal_keys_counts() -> None:
    assert loads(b"a: 1\na: 2") == {"a": 2}


def test_aliases_and_merge_keys_are_followed() -> None:
    assert loads(b"base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\nlist: {<<: [{z: 1}, *b]}\nagain: *b") == {
        "base": {"x": 1, "y": 2},
        "more": {"x": 1, "y": 3},
        "list": {"z": 1, "x": 1, "y": 2},
        "again": {"x": 1, "y": 2},
    }


def test_tags_make_no_objects() -> None:
    assert loads(b'a: !!python/object/apply:os.system ["true"]\nb: !!str 12\nc: !!binary aGk=') == {
        "a": ["true"],
        "b": "12",
        "c": "aGk=",
    }


def test_an_alias_inside_of_its_own_anchor_is_refused() -> None:
    with pytest.raises(NotYaml, match="alias"):
        loads(b"a: &a {b: *a}")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(NotYaml, match="levels deep"):
        loads(b"[" * 100_000)
    with pytest.raises(Invalid):
        read_document(b'{"openapi":"3.0.0","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def test_too_many_aliases_values_and_merged_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotYaml, match="aliases"):
        loads(b"a: &a 1\nb: [" + b"*a ," * (yaml_values.MAX_ALIASES + 1) + b"]")
    monkeypatch.setattr(yaml_values, "MAX_NODES", 1000)
    with pytest.raises(NotYaml, match="values"):
        loads(b"[" + b"1," * 1001 + b"]")
    monkeypatch.setattr(yaml_values, "MAX_MERGED", 10)
    with pytest.raises(NotYaml, match="merges"):
        loads(b"a: &a {b: 1, c: 2}\n" + b"".join(b"k%d: {<<: *a}\n" % number for number in range(6)))


def test_json_with_a_byte_order_mark_and_yaml_in_utf_16_are_read() -> None:
    assert read_document(b"\xef\xbb\xbf" + orjson.dumps({"openapi": "3.0.0"})).title == "Untitled"
    assert read_document("openapi: 3.0.0\ninfo: {title: Zürich}".encode("utf-16")).title == "Zürich"


def test_json_with_a_comma_too_many_is_read() -> None:
    assert read_document(b'{"openapi": "3.0.0", "info": {"title": "T",},}').title == "T"

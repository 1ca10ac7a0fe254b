"""What is no OpenAPI document, or comes from whom it may not, is refused and changes nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.app import IMPORT_MAX_BYTES
from api.launch import House
from tests.api.callers import colleague, nobody
from tests.api.imports import PATH, applied, names, operation, pets, previewed, refused
from tests.api.person import Person
from tests.api.problems import assert_problem, code_of
from tests.api.shop import Shop, open_shop

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_shop() as running:
        yield running


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"document": "words"}, "openapi_unreadable"),
        ({"document": "{"}, "openapi_unreadable"),
        ({"document": "a: &a [*a]"}, "openapi_unreadable"),
        ({"document": {"swagger": "2.0", "paths": {}}}, "openapi_version"),
        ({"document": pets(), "operations": ["GET /cats"]}, "openapi_unknown"),
        ({"document": pets(), "side_effects": {"GET /cats": "read"}}, "openapi_unknown"),
        ({"document": pets(), "base_url": "pets"}, "openapi_base_url"),
        ({"url": "http://pets.example.com/openapi.json"}, "url_refused"),
        ({"url": "https://169.254.169.254/openapi.json"}, "url_refused"),
        ({"url": "file:///etc/passwd"}, "url_refused"),
        ({}, "invalid_request"),
        ({"document": pets(), "url": "https://pets.example.com"}, "invalid_request"),
        ({"document": []}, "invalid_request"),
        ({"document": pets(), "name": "two words"}, "invalid_request"),
        ({"document": pets(), "prefix": "two words"}, "invalid_request"),
        ({"document": pets(), "colour": "red"}, "invalid_request"),
    ],
    ids=lambda given: given if isinstance(given, str) else repr(given)[:50],
)
def test_what_cannot_be_imported_is_refused_and_changes_nothing(ann: Person, body: dict[str, Any], code: str) -> None:
    applied(ann, pets({"/old": {"get": operation("old")}}))
    assert refused(ann, **body) == (422, code)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"name": "pets", "document": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b'{"name": "pets", "document": "\\ud800"}',
        b'{"name": "pets", "document": {"openapi": "3.1.0", "x": ' + b"9" * 10_000 + b"}}",
        b'{"name": "pets", "document": {"openapi": "3.1.0", "x": NaN, "paths": {}}}',
        b'{"name": "pets", "document": {"\\u0000": "\\u0000"}}',
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("path", [PATH, f"{PATH}/preview"])
def test_a_body_that_makes_no_sense_is_the_clients_mistake(ann: Person, path: str, body: bytes) -> None:
    answer = ann.http.post(path, content=body, headers=JSON)
    if answer.status_code != 200:
        assert_problem(answer)
        assert answer.status_code == 422, answer.text


def test_a_url_that_has_no_document_is_told(ann: Person, shop: Shop) -> None:
    assert refused(ann, url=f"{shop.url}/nothing") == (422, "openapi_url")
    assert refused(ann, url="http://127.0.0.1:1/openapi.json") == (502, "peer_failed")


def test_ten_megabytes_are_read_and_more_are_not(ann: Person) -> None:
    document = json.dumps(pets(info={"title": "Pets", "version": "1", "description": "a" * 10_000_000}))
    assert previewed(ann, document)["title"] == "Pets"
    answer = ann.http.post(PATH, json={"name": "pets", "document": "a" * IMPORT_MAX_BYTES})
    assert (answer.status_code, code_of(answer)) == (413, "too_large")
    assert names(ann) == {}


def test_a_body_is_not_read_for_who_may_not_import(house: House, ann: Person) -> None:
    with nobody(house) as anonymous, colleague(house, ann) as member:
        for path in (PATH, f"{PATH}/preview"):
            assert code_of(anonymous.post(path, content=b"{", headers=JSON)) == "unauthenticated"
            assert code_of(member.post(path, content=b"{", headers=JSON)) == "forbidden"

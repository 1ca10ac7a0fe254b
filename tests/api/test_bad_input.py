"""Whatever arrives, the answer is a 4xx that says what is wrong, as a problem document."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from api.launch import House
from tests.api.person import Person
from tests.api.problems import assert_problem

JSON = {"Content-Type": "application/json"}
ROUTES_WITH_WORDS = {
    "/v1/knowledge-bases": "name",
    "/v1/chat": "message",
    "/v1/embeddings": "input",
    "/v1/api-keys": "name",
    "/auth/login": "email",
    "/auth/refresh": "refresh_token",
    "/v1/tools": "description",
    "/v1/tool-servers": "url",
    "/v1/connections/finish": "state",
}
every_route_with_words = pytest.mark.parametrize("path", ROUTES_WITH_WORDS)


@pytest.fixture(scope="module")
def ann(house: House) -> Iterator[Person]:
    with closing(Person(house.url)) as person:
        yield person


def refused(answer: httpx.Response, *statuses: int) -> bool:
    assert_problem(answer)
    return answer.status_code in statuses


def sent(ann: Person, path: str, words: str, **others: Any) -> httpx.Response:
    """JSON in ASCII: what UTF-8 cannot carry, such as half a character, arrives as an escape."""
    body = {"password": "a long password", "tenant_name": "Acme"} | {ROUTES_WITH_WORDS[path]: words, **others}
    return ann.http.post(path, content=json.dumps(body), headers=JSON)


@every_route_with_words
@pytest.mark.parametrize("words", ["\x00", "a\x00b", "\ud800", "a\udfffb", "\ud800\x00"])
def test_nul_and_half_characters(ann: Person, path: str, words: str) -> None:
    assert refused(sent(ann, path, words), 401, 422)


@every_route_with_words
def test_a_megabyte_of_words(ann: Person, path: str) -> None:
    assert refused(sent(ann, path, "a" * 1_000_000), 401, 422)
    assert refused(sent(ann, path, "a" * 1_100_000), 413)


@every_route_with_words
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"words"',
        b"{'name': 'words'}",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"name":' * 100_000 + b"1" + b"}" * 100_000,
        b"\xff\xfe",
        b"\x00" * 1000,
        b"9" * 10_000,
        b'{"name": ' + b"9" * 10_000 + b"}",
        b'{"name": 1e999, "message": -1e999}',
        b'{"name": NaN}',
        b"\x80\x81",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_json_that_is_none_or_says_nothing(ann: Person, path: str, body: bytes) -> None:
    assert refused(ann.http.post(path, content=body, headers=JSON), 400, 422)


@every_route_with_words
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense", ""]
)
def test_another_content_type(ann: Person, path: str, content_type: str) -> None:
    answer = ann.http.post(path, content=b'{"name": "words"}', headers={"Content-Type": content_type})
    assert refused(answer, 400, 415, 422)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_json_in_another_encoding_is_understood_or_refused(ann: Person, encoding: str) -> None:
    answer = ann.http.post("/v1/embeddings", content='{"input": "Zoë"}'.encode(encoding), headers=JSON)
    assert answer.status_code == 200 or refused(answer, 400, 415, 422)


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Hello?", "thread_id": "7"},
        {"message": "Hello?", "thread_id": 7},
        {"message": "Hello?", "thread_id": "\ud800"},
        {"message": "Hello?", "knowledge_base_ids": "7"},
        {"message": "Hello?", "knowledge_base_ids": ["00000000-0000-0000-0000-000000000000"] * 51},
        {"message": ["Hello?"]},
        {"message": " \n\t "},
        {"message": "a" * 20_001},
        {},
    ],
    ids=lambda body: repr(body)[:40],
)
def test_questions_that_make_no_sense(ann: Person, body: dict[str, Any]) -> None:
    assert refused(ann.http.post("/v1/chat", content=json.dumps(body), headers=JSON), 422)


@pytest.mark.parametrize("key", ["x" * 256, ""])
def test_idempotency_keys_out_of_bounds(ann: Person, key: str) -> None:
    headers = {"Idempotency-Key": key}
    assert refused(ann.http.post("/v1/chat", json={"message": "Hello?"}, headers=headers), 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--edge",
        b"--edge\r\n\r\n",
        b"--edge--\r\n",
        b'--edge\r\nContent-Disposition: form-data; name="files"\r\n\r\nwords\r\n--edge--\r\n',
        b'--edge\r\nContent-Disposition: form-data; name="other"; filename="a"\r\n\r\nwords\r\n--edge--\r\n',
        b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a.md"\r\n\r\ncut',
        b'--edge\r\nContent-Disposition: form-data; name="files"; filename=""\r\n\r\nwords\r\n--edge--\r\n',
        b"\r\n".join([b"--edge\r\nContent-Disposition: form-data; name=x\r\n\r\n1"] * 2000) + b"\r\n--edge--\r\n",
    ],
    ids=lambda body: repr(body[-30:]),
)
def test_broken_multipart(ann: Person, body: bytes) -> None:
    path = f"/v1/knowledge-bases/{ann.tokens['me']['user_id']}/documents"
    for content_type in ("multipart/form-data; boundary=edge", "multipart/form-data"):
        answer = ann.http.post(path, content=body, headers={"Content-Type": content_type})
        assert refused(answer, 400, 422)


@pytest.mark.parametrize("path", ["/%00", "/v1/%ff", "/v1/threads/%00", "/v1/threads/%ed%a0%80", "//", "/v1//chat"])
def test_paths_that_make_no_sense(ann: Person, path: str) -> None:
    assert refused(ann.http.get(path), 404, 422)


def test_many_mistakes_make_a_short_answer(ann: Person) -> None:
    answer = ann.http.post("/v1/embeddings", json={"input": [{}] * 1000})
    assert refused(answer, 422)
    assert len(answer.content) < 10_000

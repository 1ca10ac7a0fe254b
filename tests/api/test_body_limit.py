"""A body that is too large is refused while it arrives, not after."""

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.app import IMPORT_MAX_BYTES
from api.body_limit import BodyLimit
from api.defects import Defects
from api.launch import House
from core.settings import Settings
from tests.api.person import Person

LIMIT = 5_000_000
CHUNK = b"a" * 65_536
MULTIPART = "multipart/form-data; boundary=edge"
FIRST_PART = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a.md"\r\n\r\n'


@pytest.fixture
def path(ann: Person) -> str:
    return f"/v1/knowledge-bases/{ann.knowledge_base()}/documents"


def opened(house: House, ann: Person, path: str, **headers: str) -> socket.socket:
    """A connection on which the head of a request has been sent."""
    address = urlsplit(house.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    headers = {"Host": address.netloc, "Authorization": ann.http.headers["Authorization"], **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode())
    return connection


def answer_on(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Reads until the server closes."""
    received = b""
    while part := connection.recv(65_536):
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_declared_size_is_refused_before_any_of_it_is_sent(house: House, ann: Person, path: str) -> None:
    with opened(house, ann, path, Content_Type=MULTIPART, Content_Length=str(LIMIT + 1)) as connection:
        status, problem = answer_on(connection)
    assert (status, problem["code"]) == (413, "too_large")
    assert ann.http.get(path).json()["items"] == []


def test_an_undeclared_size_is_refused_before_all_of_it_is_sent(ann: Person, path: str) -> None:
    whole, sent = 40 * LIMIT, 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield FIRST_PART
        while sent < whole:
            sent += len(CHUNK)
            yield CHUNK

    answer = ann.http.post(path, content=body(), headers={"Content-Type": MULTIPART})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert LIMIT < sent < whole
    assert ann.http.get(path).json()["items"] == []


def test_a_question_may_be_far_smaller_than_an_upload(house: House, ann: Person) -> None:
    with opened(house, ann, "/v1/chat", Content_Type="application/json", Content_Length="1100000") as connection:
        assert answer_on(connection)[0] == 413


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/v1/tools", Settings().request_max_bytes),
        ("/v1/tools/order/import", Settings().request_max_bytes),
        ("/v1/tools/import/openapi", IMPORT_MAX_BYTES),
        ("/v1/tools/import/openapi/preview", IMPORT_MAX_BYTES),
    ],
)
def test_a_tool_ends_somewhere_and_an_import_much_later(house: House, ann: Person, path: str, most: int) -> None:
    headers = {"Content_Type": "application/json", "Content_Length": str(most + 1)}
    with opened(house, ann, path, **headers) as connection:
        assert answer_on(connection)[0] == 413


def test_what_just_fits_is_stored(ann: Person, path: str) -> None:
    answer = ann.http.post(path, files=[("files", ("a.bin", b"\xff" * (LIMIT - 1000)))])
    assert answer.status_code == 202


def test_a_client_that_hangs_up_in_the_middle_harms_nobody(house: House, ann: Person, path: str) -> None:
    with opened(house, ann, path, Content_Type=MULTIPART, Content_Length=str(LIMIT)) as connection:
        connection.sendall(FIRST_PART + b"a" * 100_000)
    assert ann.http.get(path).json()["items"] == []


def test_a_stranger_is_refused_before_the_files_are_read(house: House, ann: Person, path: str) -> None:
    headers = {"Content_Type": MULTIPART, "Content_Length": str(LIMIT), "Authorization": "Bearer nobody"}
    with opened(house, ann, path, **headers) as connection:
        # Nothing of the body is sent, so an answer can only come from who does not wait for it.
        connection.settimeout(10)
        assert connection.recv(12) == b"HTTP/1.1 401"


async def test_a_body_that_stops_coming_is_refused_and_is_no_defect(caplog: pytest.LogCaptureFixture) -> None:
    async def reader(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(await Request(scope, receive).body())(scope, receive, send)

    parts = [{"type": "http.request", "body": b"{", "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop() if parts else await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    app = BodyLimit(Defects(reader), upload_bytes=100, import_bytes=100, other_bytes=100, idle_seconds=0.01)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "state": {"request_id": "r"}}
    await app(scope, receive, send)
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "body_timeout"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]

"""The big list of naughty strings through every door that takes words: kept as they are, or refused; no 5xx."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.launch import House
from ingest.names import document_name
from tests.api.paging import pages_of
from tests.api.pausing import paused_worker
from tests.api.person import Person
from tests.api.registered import new_import, new_server, new_tool, tool
from tools.definitions import LONGEST_DESCRIPTION, NAME_PATTERN

# Unicode's White_Space: what a name loses at its ends.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
LONGEST_NAME = 200
FILES_AT_ONCE = 20


@pytest.fixture(scope="module")
def strings(golden: Path) -> list[str]:
    """Each once. A few are cut within a character."""
    groups = json.loads((golden / "naughty-strings/mapped_strings.json").read_text())
    decoded = (base64.b64decode(item).decode(errors="replace") for group in groups.values() for item in group)
    return list(dict.fromkeys(decoded))


@pytest.fixture(scope="module")
def ann(house: House) -> Iterator[Person]:
    with closing(Person(house.url)) as person:
        yield person


def fits_a_name(text: str) -> bool:
    return 1 <= len(text.strip(WHITE_SPACE)) <= LONGEST_NAME


def test_as_names_and_descriptions_of_knowledge_bases(ann: Person, strings: list[str]) -> None:
    kept: dict[str, str] = {}
    for text in strings:
        name = text.strip(WHITE_SPACE)
        expected = 422 if not fits_a_name(text) or len(text) > 2000 else 409 if name in kept else 201
        answer = ann.http.post("/v1/knowledge-bases", json={"name": text, "description": text})
        assert answer.status_code == expected, (text, answer.text)
        if expected == 201:
            kept[name] = text
    pages = pages_of(ann.http, "/v1/knowledge-bases", limit=100)
    assert {item["name"]: item["description"] for page in pages for item in page} == kept
    assert len(kept) > 450


def test_as_titles_of_a_thread(ann: Person, strings: list[str]) -> None:
    path = f"/v1/threads/{ann.chat('Hello?')[0][1]['thread_id']}"
    for text in strings[::4]:
        answer = ann.http.patch(path, json={"title": text})
        if fits_a_name(text):
            assert (answer.status_code, answer.json()["title"]) == (200, text.strip(WHITE_SPACE))
        else:
            assert answer.status_code == 422, text


def test_as_questions(ann: Person, strings: list[str]) -> None:
    for text in strings[::16]:
        answer = ann.http.post("/v1/chat", json={"message": text}, headers={"Accept": "application/json"})
        if not text.strip(WHITE_SPACE):
            assert answer.status_code == 422, text
            continue
        assert answer.status_code == 200, (text, answer.text)
        thread = ann.http.get(f"/v1/threads/{answer.json()['thread_id']}").json()
        assert thread["messages"][0]["content"] == text.strip(WHITE_SPACE)


def test_as_names_of_files(ann: Person, strings: list[str], house: House) -> None:
    """A name that is a path or holds controls is stored without them."""
    handbook = ann.knowledge_base("Files")
    path = f"/v1/knowledge-bases/{handbook}/documents"
    # The numbers make each name differ, and none empty.
    names = [f"{text}{number}.md" for number, text in enumerate(strings[::4])]
    with paused_worker(house):
        for start in range(0, len(names), FILES_AT_ONCE):
            files = [("files", (name, b"words")) for name in names[start : start + FILES_AT_ONCE]]
            answer = ann.http.post(path, files=files)
            assert answer.status_code == 202, (files, answer.text)
            stored = [document["name"] for document in answer.json()["documents"]]
            assert all(name == document_name(name) for name in stored)
        assert ann.http.delete(f"/v1/knowledge-bases/{handbook}").status_code == 204


def test_as_descriptions_of_tools_and_as_their_arguments(ann: Person, strings: list[str]) -> None:
    tool(ann, "order", security=[])
    for text in strings[::4]:
        answer = ann.http.post("/v1/tools/order/versions", json={"description": text})
        if not text.strip() or len(text) > LONGEST_DESCRIPTION:
            assert answer.status_code == 422, text
        else:
            assert (answer.status_code, answer.json()["description"]) == (201, text)
        shown = ann.http.post("/v1/tools/order/test", json={"arguments": {"item": text}})
        assert shown.status_code == 200, (text, shown.text)
        request = shown.json()["request"]
        assert request["url"] == "https://shop.example.com/orders"
        assert json.loads(request["body"]) == {"item": text}


def test_as_names_of_tools_servers_and_imports(ann: Person, strings: list[str]) -> None:
    for text in strings[::8]:
        for path, body in (
            ("/v1/tools", new_tool(text)),
            ("/v1/tools/import/openapi/preview", new_import(text, prefix=None)),
            ("/v1/tool-servers", new_server(text)),
        ):
            answer = ann.http.post(path, json=body)
            fits = re.fullmatch(NAME_PATTERN, text) is not None
            assert answer.status_code in ((200, 201) if fits else (422,)), (text, answer.text)

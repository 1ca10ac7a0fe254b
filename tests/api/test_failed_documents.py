"""Documents that cannot be read end as failed, with a reason, and make room for better ones."""

import io
import zipfile
from pathlib import Path

import pytest

from tests.api.person import Person, path_of

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def unreadable(golden: Path) -> list[tuple[str, str, bytes]]:
    """Files by name and content, after the code that they fail with."""
    examples = golden / "unstructured-example-docs"
    return [
        ("empty_document", "empty.txt", b""),
        ("empty_document", "blank.txt", (examples / "fake-text-all-whitespace.txt").read_bytes()),
        ("encrypted_document", "secret.pdf", (examples / "pdf/password.pdf").read_bytes()),
        ("damaged_document", "cut.docx", (examples / "simple.docx").read_bytes()[:-2000]),
        ("too_large_when_unpacked", "bomb.docx", zip_bomb()),
        ("unsupported_type", "words.pdf", b"These are words, not a PDF."),
    ]


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"<w:t>" + b" " * 40 * MEGABYTE)
    return packed.getvalue()


def test_a_document_that_cannot_be_read_says_why_and_what_to_do(
    ann: Person, unreadable: list[tuple[str, str, bytes]]
) -> None:
    path = f"/v1/knowledge-bases/{ann.knowledge_base()}/documents"
    documents = ann.http.post(path, files=[("files", (name, data)) for _, name, data in unreadable]).json()[
        "documents"
    ]
    for (code, *_), document in zip(unreadable, documents, strict=True):
        stage, step = ann.follow(document)[-1]
        failed = ann.http.get(path_of(document)).json()
        assert (stage, failed["status"]) == ("failed", "failed"), document["name"]
        assert (step["error_code"], failed["error_code"]) == (code, code)
        assert failed["error_detail"] == step["error_detail"]
        assert failed["error_detail"].endswith(".")
        assert failed["ready_version"] is None


def test_a_better_file_takes_a_failed_one_s_place(ann: Person) -> None:
    handbook = ann.knowledge_base()
    failed = ann.upload(handbook, holidays_md=b"")[0]
    assert ann.follow(failed)[-1][0] == "failed"
    better = ann.ready(handbook, holidays_md="Everyone gets 28 days of holiday a year.")[0]
    document = ann.http.get(path_of(better)).json()
    assert document["document_id"] == failed["document_id"]
    assert (document["version"], document["error_code"], document["error_detail"]) == (2, None, None)


def test_a_bad_version_leaves_the_good_one_searchable(ann: Person) -> None:
    handbook = ann.knowledge_base()
    ann.ready(handbook, holidays_md="Everyone gets 28 days of holiday a year.")
    worse = ann.upload(handbook, holidays_md=b" ")[0]
    assert ann.follow(worse)[-1][0] == "failed"
    answer = ann.http.post(f"/v1/knowledge-bases/{handbook}/query", json={"query": "holiday"})
    assert answer.json()["hits"][0]["version"] == 1


def test_the_same_bad_bytes_are_tried_again(ann: Person) -> None:
    handbook = ann.knowledge_base()
    first = ann.upload(handbook, empty_txt=b"")[0]
    ann.follow(first)
    assert ann.upload(handbook, empty_txt=b"")[0]["version"] == 2

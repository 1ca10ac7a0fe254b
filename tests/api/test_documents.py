from pathlib import Path
from typing import Any

import httpx
import pytest

from api.launch import House
from tests.api.callers import behind_the_api
from tests.api.paging import pages_of
from tests.api.pausing import paused_worker
from tests.api.person import Person, path_of

HOLIDAYS = "Everyone gets 28 days of holiday a year."
MORE_HOLIDAYS = "Everyone gets 31 days of vacation a year."


@pytest.fixture
def handbook(ann: Person) -> str:
    return ann.knowledge_base()


def post(ann: Person, knowledge_base_id: str, *files: tuple[str, bytes], **headers: str) -> httpx.Response:
    return ann.http.post(
        f"/v1/knowledge-bases/{knowledge_base_id}/documents",
        files=[("files", file) for file in files],
        headers=headers,
    )


def get(ann: Person, document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = ann.http.get(path_of(document)).json()
    return found


def found_texts(ann: Person, knowledge_base_id: str, query: str) -> list[str]:
    answer = ann.http.post(f"/v1/knowledge-bases/{knowledge_base_id}/query", json={"query": query})
    return [hit["text"] for hit in answer.json()["hits"]]


def test_many_files_are_uploaded_at_once_and_answered_in_their_order(ann: Person, handbook: str) -> None:
    answer = post(ann, handbook, ("b.md", b"soup"), ("a.txt", b"bread"), ("folder/c.html", b"<p>cheese</p>"))
    assert answer.status_code == 202
    documents = answer.json()["documents"]
    assert [document["name"] for document in documents] == ["b.md", "a.txt", "c.html"]
    assert {document["version"] for document in documents} == {1}
    assert [ann.follow(document)[-1][0] for document in documents] == ["ready"] * 3
    assert ann.http.get(f"/v1/knowledge-bases/{handbook}").json()["documents"] == 3


def test_documents_are_listed_in_pages(ann: Person, handbook: str) -> None:
    ann.upload(handbook, a_md="soup", b_md="bread", c_md="cheese")
    ann.upload(handbook, d_md="tea")
    pages = pages_of(ann.http, f"/v1/knowledge-bases/{handbook}/documents", limit=2)
    assert [len(page) for page in pages] == [2, 2]
    names = [item["name"] for page in pages for item in page]
    assert names[0] == "d.md"
    assert sorted(names) == ["a.md", "b.md", "c.md", "d.md"]


def test_a_ready_document_says_what_it_holds(ann: Person, handbook: str) -> None:
    document = get(ann, ann.ready(handbook, holidays_md=HOLIDAYS)[0])
    assert (document["status"], document["version"], document["ready_version"]) == ("ready", 1, 1)
    assert (document["bytes"], document["chunks"], document["error_code"]) == (len(HOLIDAYS), 1, None)


def test_a_document_s_etag_changes_with_it(ann: Person, handbook: str) -> None:
    document = ann.ready(handbook, holidays_md=HOLIDAYS)[0]
    tag = ann.http.get(path_of(document)).headers["ETag"]
    assert ann.http.get(path_of(document), headers={"If-None-Match": tag}).status_code == 304
    ann.ready(handbook, holidays_md=MORE_HOLIDAYS)
    assert ann.http.get(path_of(document), headers={"If-None-Match": tag}).status_code == 200


def test_a_deleted_document_is_gone_and_found_no_more(ann: Person, handbook: str) -> None:
    document = ann.ready(handbook, holidays_md=HOLIDAYS)[0]
    assert ann.http.delete(path_of(document)).status_code == 204
    for method in ("GET", "DELETE"):
        assert ann.http.request(method, path_of(document)).status_code == 404
    assert found_texts(ann, handbook, "holiday") == []


def test_a_document_deleted_while_it_waits_stays_deleted(ann: Person, handbook: str, house: House) -> None:
    with paused_worker(house):
        doomed = ann.upload(handbook, holidays_md=HOLIDAYS)[0]
        assert ann.http.delete(path_of(doomed)).status_code == 204
    ann.ready(handbook, later_md="soup")
    assert found_texts(ann, handbook, "holiday") == ["soup"]


def test_new_bytes_replace_the_old_ones(ann: Person, handbook: str, house: House) -> None:
    first = ann.ready(handbook, holidays_md=HOLIDAYS)[0]
    with paused_worker(house):
        second = ann.upload(handbook, holidays_md=MORE_HOLIDAYS)[0]
        assert (second["document_id"], second["version"]) == (first["document_id"], 2)
        assert found_texts(ann, handbook, "holiday") == [HOLIDAYS]
    assert ann.follow(second)[-1][0] == "ready"
    assert found_texts(ann, handbook, "holiday") == [MORE_HOLIDAYS]


def test_the_same_bytes_again_do_nothing(ann: Person, handbook: str, house: House) -> None:
    first = ann.ready(handbook, holidays_md=HOLIDAYS)[0]
    with paused_worker(house):
        again = ann.upload(handbook, holidays_md=HOLIDAYS)[0]
        assert waiting_jobs(house, first) == 0
    assert (again["document_id"], again["version"], again["status"]) == (first["document_id"], 1, "ready")


def test_processing_again_makes_a_version_while_the_last_one_is_searched(
    ann: Person, handbook: str, house: House
) -> None:
    document = ann.ready(handbook, holidays_md=HOLIDAYS)[0]
    with paused_worker(house):
        again = ann.http.post(f"{path_of(document)}/process")
        assert again.status_code == 202
        assert (again.json()["version"], again.json()["ready_version"]) == (2, 1)
        assert waiting_jobs(house, document) == 1
        assert found_texts(ann, handbook, "holiday") == [HOLIDAYS]
    assert ann.follow(document)[-1][0] == "ready"
    assert get(ann, document)["ready_version"] == 2
    assert found_texts(ann, handbook, "holiday") == [HOLIDAYS]


def test_events_tell_each_stage_in_order(ann: Person, handbook: str, house: House, golden: Path) -> None:
    pages = (golden / "unstructured-example-docs/pdf/multi-column-2p.pdf").read_bytes()
    with paused_worker(house):
        document = ann.upload(handbook, paper_pdf=pages)[0]
        steps = ann.events("GET", f"{path_of(document)}/events")
        seen = [next(steps)]
    seen += steps
    assert list(dict.fromkeys(stage for stage, _ in seen)) == ["queued", "loading", "embedding", "ready"]
    assert (2, 2) in [(step["done"], step["total"]) for stage, step in seen if stage == "loading"]
    assert seen[-1][1]["done"] == seen[-1][1]["total"] == get(ann, document)["chunks"]
    assert get(ann, document)["pages"] == 2


def test_an_idempotency_key_repeats_the_answer_and_not_the_upload(ann: Person, handbook: str) -> None:
    first = post(ann, handbook, ("a.md", b"soup"), **{"Idempotency-Key": "once"})
    ann.follow(first.json()["documents"][0])
    again = post(ann, handbook, ("a.md", b"soup"), **{"Idempotency-Key": "once"})
    assert (again.status_code, again.content) == (202, first.content)
    other = post(ann, handbook, ("a.md", b"bread"), **{"Idempotency-Key": "once"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_two_files_of_one_name_in_one_request_get_422(ann: Person, handbook: str) -> None:
    answer = post(ann, handbook, ("a.md", b"soup"), ("there/a.md", b"bread"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert ann.http.get(f"/v1/knowledge-bases/{handbook}/documents").json()["items"] == []


def test_too_many_files_in_one_request_get_413(ann: Person, handbook: str) -> None:
    answer = post(ann, handbook, *[(f"{number}.md", b"soup") for number in range(21)])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("name", ["..", "/", " ", "\\", "a/.."])
def test_a_file_without_a_name_gets_422(ann: Person, handbook: str, name: str) -> None:
    answer = post(ann, handbook, (name, b"soup"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_file_name")


def waiting_jobs(house: House, document: dict[str, Any]) -> int:
    with behind_the_api(house) as connection:
        jobs = connection.execute(
            "SELECT FROM procrastinate_jobs WHERE args->>'document_id' = %s AND status = 'todo'",
            (document["document_id"],),
        )
        return jobs.rowcount

"""Many hands on the same documents at once: everyone is answered, nothing is lost or doubled."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.api.person import Person, path_of

HANDS = 8


def test_uploads_of_the_same_names_with_crossed_contents_are_all_stored(ann: Person) -> None:
    path = f"/v1/knowledge-bases/{ann.knowledge_base()}/documents"

    def upload(hand: int) -> httpx.Response:
        files = [("files", (f"m{(i + hand) % 4}.md", f"# Lamp\n\nNumber {i}.".encode())) for i in range(4)]
        return ann.http.post(path, files=files)

    with ThreadPoolExecutor(HANDS) as hands:
        answers = list(hands.map(upload, range(HANDS)))
    assert [answer.status_code for answer in answers] == [202] * HANDS
    assert len(ann.http.get(path).json()["items"]) == 4


def test_a_document_processed_again_by_many_at_once_gets_a_version_for_each(ann: Person) -> None:
    (document,) = ann.upload(ann.knowledge_base(), lamp_md="# Lamp\n\nIt burns.")
    with ThreadPoolExecutor(HANDS) as hands:
        answers = list(hands.map(lambda _: ann.http.post(f"{path_of(document)}/process"), range(HANDS)))
    assert [answer.status_code for answer in answers] == [202] * HANDS
    assert ann.http.get(path_of(document)).json()["version"] == HANDS + 1
    assert ann.follow(document)[-1][0] == "ready"


def test_deleting_while_uploading_leaves_a_whole_document_or_none(ann: Person) -> None:
    (document,) = ann.upload(ann.knowledge_base(), lamp_md="# Lamp\n\nIt burns.")
    path = path_of(document).rsplit("/", 1)[0]

    def act(hand: int) -> int:
        if hand % 2:
            return ann.http.delete(path_of(document)).status_code
        return ann.http.post(path, files=[("files", ("lamp.md", b"# Lamp\n\nIt burns."))]).status_code

    with ThreadPoolExecutor(HANDS) as hands:
        statuses = list(hands.map(act, range(HANDS)))
    assert set(statuses[::2]) == {202}
    assert set(statuses[1::2]) <= {204, 404}
    for found in ann.http.get(path).json()["items"]:
        assert ann.follow(found)[-1][0] == "ready"

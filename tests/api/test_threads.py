from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import httpx
import pytest

from api.launch import House
from tests.api.callers import behind_the_api, colleague, program
from tests.api.paging import pages_of
from tests.api.person import Person

QUESTION = "How many days of holiday do I get a year?"


@pytest.fixture
def thread_id(ann: Person) -> str:
    return asked(ann)


@pytest.fixture
def bob(ann: Person, house: House) -> Iterator[httpx.Client]:
    """An owner of the same tenant: not even they read what others ask."""
    with closing(colleague(house, ann, role=ann.tokens["me"]["role"])) as client:
        yield client


def asked(ann: Person, question: str = QUESTION) -> str:
    thread_id: str = ann.chat(question)[0][1]["thread_id"]
    return thread_id


def test_threads_are_listed_in_pages_newest_first(ann: Person) -> None:
    threads = [asked(ann, f"Question {number}?") for number in range(3)]
    pages = pages_of(ann.http, "/v1/threads", limit=1)
    assert [item["thread_id"] for page in pages for item in page] == threads[::-1]
    assert [page[0]["title"] for page in pages] == ["Question 2?", "Question 1?", "Question 0?"]


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("  One\n\tline  ", "One line"),
        ("word " * 40, "word " * 14 + "word…"),
        ("x" * 200, "x" * 79 + "…"),
    ],
)
def test_a_title_is_the_first_question_s_beginning(ann: Person, question: str, title: str) -> None:
    assert ann.http.get(f"/v1/threads/{asked(ann, question)}").json()["title"] == title


def test_a_thread_can_be_renamed(ann: Person, thread_id: str) -> None:
    renamed = ann.http.patch(f"/v1/threads/{thread_id}", json={"title": " Holidays "}).json()
    assert renamed["title"] == "Holidays"
    assert ann.http.get("/v1/threads").json()["items"] == [renamed]


def test_a_conversation_keeps_its_messages_in_order(ann: Person, thread_id: str) -> None:
    ann.chat("And in my first year?", thread_id=thread_id)
    messages = ann.http.get(f"/v1/threads/{thread_id}").json()["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert [message["content"] for message in messages[::2]] == [QUESTION, "And in my first year?"]


def test_a_deleted_thread_is_gone_with_its_messages_and_memory(ann: Person, thread_id: str, house: House) -> None:
    asked(ann, "Another question?")
    before = rows_of(house, thread_id)
    assert before["messages"] == 2
    assert before["checkpoints"] > 0
    assert ann.http.delete(f"/v1/threads/{thread_id}").status_code == 204
    assert set(rows_of(house, thread_id).values()) == {0}
    assert ann.http.get(f"/v1/threads/{thread_id}").status_code == 404
    assert ann.http.delete(f"/v1/threads/{thread_id}").status_code == 404
    assert len(ann.http.get("/v1/threads").json()["items"]) == 1


def test_another_member_of_the_tenant_does_not_see_my_thread(ann: Person, thread_id: str, bob: httpx.Client) -> None:
    path = f"/v1/threads/{thread_id}"
    assert bob.get("/v1/threads").json()["items"] == []
    answers = [
        bob.get(path),
        bob.patch(path, json={"title": "Mine"}),
        bob.delete(path),
        bob.post("/v1/chat", json={"message": "And?", "thread_id": thread_id}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert ann.http.get(path).json()["title"] == QUESTION


def test_my_program_sees_my_threads(ann: Person, thread_id: str, house: House) -> None:
    with closing(program(house, ann, role="viewer")) as robot:
        assert robot.get(f"/v1/threads/{thread_id}").json() == ann.http.get(f"/v1/threads/{thread_id}").json()


def test_an_unknown_thread_gets_404(ann: Person) -> None:
    answer = ann.http.post("/v1/chat", json={"message": "And?", "thread_id": str(uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("title", ["", "  ", "x" * 201, "\x00", None, 7])
def test_a_title_out_of_bounds_gets_422(ann: Person, thread_id: str, title: object) -> None:
    answer = ann.http.patch(f"/v1/threads/{thread_id}", json={"title": title})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def rows_of(house: House, thread_id: str) -> dict[str, int]:
    """Wherever anything of a thread is kept."""
    tables = ("threads", "runs", "messages", "checkpoints", "checkpoint_values", "checkpoint_writes")
    with behind_the_api(house) as connection:
        return {
            table: connection.execute(
                f"SELECT FROM {table} WHERE thread_id::text LIKE %s", (f"%{thread_id}",)
            ).rowcount
            for table in tables
        }

import pytest

from tests.api.person import Person, answer_of

HOLIDAYS = "# Holidays\n\nEveryone gets 28 days of holiday a year. The office closes on 24 December."


@pytest.fixture
def reader(ann: Person) -> Person:
    """Ann, with a document that can be asked about."""
    ann.ready(ann.knowledge_base(), holidays_md=HOLIDAYS)
    return ann


def test_anonymous_gets_401(ann: Person) -> None:
    del ann.http.headers["Authorization"]
    answer = ann.http.post("/v1/chat", json={"message": "Hello?"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_thread_of_another_tenant_gets_404(reader: Person, eve: Person) -> None:
    thread_id = reader.chat("How many days of holiday do I get?")[0][1]["thread_id"]
    answer = eve.http.post("/v1/chat", json={"message": "And now?", "thread_id": thread_id})
    missing = eve.http.post("/v1/chat", json={"message": "And now?", "thread_id": str(eve.tokens["me"]["user_id"])})
    assert answer.status_code == missing.status_code == 404
    assert answer.json() | {"request_id": ""} == missing.json() | {"request_id": ""}


def test_an_answer_streams_its_events_in_order_and_cites_its_source(reader: Person) -> None:
    events = reader.chat("How many days of holiday do I get a year?")
    names = [name for name, _ in events]
    assert names[0] == "run_started"
    assert names[-2:] == ["usage", "run_ended"]
    assert names.index("sources") < names.index("token") < names.index("citation")
    assert "28 days of holiday" in answer_of(events)
    cited = dict(events)["citation"]["citation"]
    assert cited["supported"]
    assert cited["document_name"] == "holidays.md"
    source = dict(events)["sources"]["sources"][cited["number"] - 1]
    assert source["text"][cited["quote_start"] : cited["quote_end"]] == cited["quote"]


def test_json_is_answered_to_who_accepts_json(reader: Person) -> None:
    body = {"message": "How many days of holiday do I get a year?"}
    answer = reader.http.post("/v1/chat", json=body, headers={"Accept": "application/json"}).json()
    assert "28 days" in answer["answer"]
    assert answer["usage"][0]["model"] == "offline-extractive"


def test_the_question_and_the_answer_are_kept_in_the_thread(reader: Person) -> None:
    events = reader.chat("How many days of holiday do I get a year?")
    thread = reader.http.get(f"/v1/threads/{events[0][1]['thread_id']}").json()
    assert thread["title"] == "How many days of holiday do I get a year?"
    assert [message["role"] for message in thread["messages"]] == ["user", "assistant"]
    assert thread["messages"][1]["content"] == answer_of(events)
    assert thread["messages"][1]["citations"]


def test_an_idempotency_key_repeats_the_answer_and_not_the_work(reader: Person) -> None:
    request = {"json": {"message": "When does the office close?"}, "headers": {"Idempotency-Key": "once"}}
    first = list(reader.events("POST", "/v1/chat", **request))
    again = list(reader.events("POST", "/v1/chat", **request))
    assert first[0] == again[0]
    assert answer_of(first) == answer_of(again)
    assert len(reader.http.get("/v1/threads").json()["items"]) == 1


def test_an_idempotency_key_with_another_question_is_refused(reader: Person) -> None:
    headers = {"Idempotency-Key": "once", "Accept": "application/json"}
    reader.http.post("/v1/chat", json={"message": "When does the office close?"}, headers=headers)
    answer = reader.http.post("/v1/chat", json={"message": "Something else?"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_what_the_documents_do_not_say_is_not_known(reader: Person) -> None:
    events = reader.chat("Who won the football match on Saturday?")
    assert answer_of(events).startswith("I don't know")
    assert "citation" not in dict(events)


def test_another_tenant_finds_nothing(reader: Person, eve: Person) -> None:
    events = eve.chat("How many days of holiday do I get a year?")
    assert dict(events)["sources"]["sources"] == []
    assert answer_of(events).startswith("I don't know")

from typing import Any
from uuid import uuid4

import pytest

from api.launch import House
from tests.api.callers import behind_the_api
from tests.api.paging import pages_of
from tests.api.person import Person

PATH = "/v1/knowledge-bases"


def created(ann: Person, **body: str) -> dict[str, Any]:
    answer = ann.http.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    knowledge_base: dict[str, Any] = answer.json()
    return knowledge_base


def test_what_is_created_can_be_read(ann: Person) -> None:
    handbook = created(ann, name="  Handbook ", description=" For all. ")
    assert (handbook["name"], handbook["description"], handbook["documents"]) == ("Handbook", " For all. ", 0)
    assert ann.http.get(f"{PATH}/{handbook['knowledge_base_id']}").json() == handbook
    assert ann.http.get(PATH).json() == {"items": [handbook], "next_cursor": None}


def test_a_change_leaves_alone_what_it_does_not_name(ann: Person) -> None:
    handbook = created(ann, name="Handbook", description="For all.")
    changed = ann.http.patch(f"{PATH}/{handbook['knowledge_base_id']}", json={"name": "Rules"}).json()
    assert (changed["name"], changed["description"]) == ("Rules", "For all.")
    assert changed["updated_at"] > handbook["updated_at"]
    assert changed["created_at"] == handbook["created_at"]


def test_a_name_is_taken_once_in_a_tenant(ann: Person, eve: Person) -> None:
    created(ann, name="Handbook")
    rules = created(ann, name="Rules")
    created(eve, name="Handbook")
    again = ann.http.post(PATH, json={"name": "Handbook"})
    renamed = ann.http.patch(f"{PATH}/{rules['knowledge_base_id']}", json={"name": "Handbook"})
    for answer in (again, renamed):
        assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


@pytest.mark.parametrize("name", ["", " ", "\u3000\n", "x" * 201, None, 7, ["Handbook"]])
def test_a_name_out_of_bounds_gets_422(ann: Person, name: object) -> None:
    answer = ann.http.post(PATH, json={"name": name})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_spaces_around_a_name_do_not_count(ann: Person) -> None:
    assert created(ann, name=f"{' ' * 300}Handbook ")["name"] == "Handbook"


def test_lists_are_paged_newest_first(ann: Person) -> None:
    names = [created(ann, name=f"Number {number}")["name"] for number in range(7)]
    pages = pages_of(ann.http, PATH, limit=3)
    assert [[item["name"] for item in page] for page in pages] == [
        names[6:3:-1],
        names[3:0:-1],
        names[:1],
    ]


def test_a_full_last_page_has_no_next(ann: Person) -> None:
    for name in ("One", "Two"):
        created(ann, name=name)
    assert ann.http.get(PATH, params={"limit": 2}).json()["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["x", "", "AAAA", "MjAyNi0wMS0wMXw3", "ä", "\x00", "a" * 201])
def test_a_cursor_that_no_page_gave_gets_422(ann: Person, cursor: str) -> None:
    answer = ann.http.get(PATH, params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["code"] in ("invalid_cursor", "invalid_request")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", "1e3", "9" * 5000])
def test_a_limit_out_of_bounds_gets_422(ann: Person, limit: str) -> None:
    assert ann.http.get(PATH, params={"limit": limit}).status_code == 422


def test_an_etag_spares_what_the_client_has(ann: Person) -> None:
    path = f"{PATH}/{ann.knowledge_base()}"
    first = ann.http.get(path)
    tag = first.headers["ETag"]
    again = ann.http.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    ann.http.patch(path, json={"description": "New."})
    changed = ann.http.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_if_match_refuses_to_change_what_changed_meanwhile(ann: Person) -> None:
    path = f"{PATH}/{ann.knowledge_base()}"
    tag = ann.http.get(path).headers["ETag"]
    assert ann.http.patch(path, json={"name": "Rules"}, headers={"If-Match": tag}).status_code == 200
    late = ann.http.patch(path, json={"name": "Laws"}, headers={"If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert ann.http.get(path).json()["name"] == "Rules"
    assert ann.http.patch(path, json={"name": "Laws"}, headers={"If-Match": "*"}).status_code == 200


def test_deleting_takes_documents_and_chunks_along(ann: Person, house: House) -> None:
    kept, gone = ann.knowledge_base("Kept"), ann.knowledge_base("Gone")
    ann.ready(kept, menu_md="The canteen serves soup on Monday.")
    ann.ready(gone, holidays_md="Everyone gets 28 days of holiday a year.")
    assert ann.http.delete(f"{PATH}/{gone}").status_code == 204
    assert ann.http.get(f"{PATH}/{gone}").status_code == 404
    assert ann.http.post(f"{PATH}/{gone}/query", json={"query": "holiday"}).status_code == 404
    sources = dict(ann.chat("How many days of holiday?"))["sources"]["sources"]
    assert "holidays.md" not in [source["document_name"] for source in sources]
    with behind_the_api(house) as connection:
        for table in ("documents", "chunks"):
            rows = connection.execute(f"SELECT FROM {table} WHERE knowledge_base_id = %s", (gone,))
            assert rows.rowcount == 0


def test_deleting_twice_gets_404(ann: Person) -> None:
    path = f"{PATH}/{ann.knowledge_base()}"
    assert ann.http.delete(path).status_code == 204
    assert ann.http.delete(path).status_code == 404


def test_questions_stay_within_the_knowledge_bases_that_they_name(ann: Person) -> None:
    menu, holidays = ann.knowledge_base("Menu"), ann.knowledge_base("Holidays")
    ann.ready(menu, menu_md="The canteen serves soup on Monday.")
    ann.ready(holidays, holidays_md="Everyone gets 28 days of holiday a year.")
    question = "How many days of holiday does everyone get a year?"
    everywhere = dict(ann.chat(question))["sources"]["sources"]
    in_menu = dict(ann.chat(question, knowledge_base_ids=[menu]))["sources"]["sources"]
    assert "holidays.md" in [source["document_name"] for source in everywhere]
    assert "holidays.md" not in [source["document_name"] for source in in_menu]
    unknown = ann.http.post("/v1/chat", json={"message": question, "knowledge_base_ids": [menu, str(uuid4())]})
    assert unknown.status_code == 404

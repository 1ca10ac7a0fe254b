from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from api.launch import House
from tests.api.person import Person

DOCUMENT = """# Holidays

Everyone gets 28 days of holiday a year.

# Canteen

The canteen serves soup on Monday.
"""


@pytest.fixture(scope="module")
def reader(house: House) -> Iterator[Person]:
    with closing(Person(house.url)) as person:
        yield person


@pytest.fixture(scope="module")
def path(reader: Person) -> str:
    knowledge_base_id = reader.knowledge_base()
    reader.ready(knowledge_base_id, rules_md=DOCUMENT)
    return f"/v1/knowledge-bases/{knowledge_base_id}/query"


def hits(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["hits"]
    return found


def test_the_best_hit_answers_and_says_where_it_stands(reader: Person, path: str) -> None:
    best, *others = hits(reader.http.post(path, json={"query": "How many days of holiday?"}))
    assert "28 days of holiday" in best["text"]
    assert (best["document_name"], best["version"]) == ("rules.md", 1)
    assert best["end"] - best["start"] == len(best["text"])
    assert 0 < best["score"] <= 1
    assert all(best["score"] >= other["score"] for other in others)


def test_no_more_hits_than_asked_for(reader: Person, path: str) -> None:
    assert len(hits(reader.http.post(path, json={"query": "canteen", "limit": 1}))) == 1


def test_an_empty_knowledge_base_has_no_hits(reader: Person) -> None:
    empty = reader.knowledge_base("Empty")
    assert hits(reader.http.post(f"/v1/knowledge-bases/{empty}/query", json={"query": "holiday"})) == []


@pytest.mark.parametrize(
    "query", [" ", "?", "\u200b", "the of and", "'; DROP TABLE chunks; --", "é" * 2000, "[1] {2:3}/4"]
)
def test_any_words_can_be_searched_for(reader: Person, path: str, query: str) -> None:
    hits(reader.http.post(path, json={"query": query}))


@pytest.mark.parametrize(
    "body", [{}, {"query": ""}, {"query": "x" * 2001}, {"query": "x", "limit": 51}, {"query": "x", "limit": 0}]
)
def test_a_query_out_of_bounds_gets_422(reader: Person, path: str, body: dict[str, Any]) -> None:
    answer = reader.http.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")

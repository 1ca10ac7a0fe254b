"""OpenAPI documents, and a person who imports them."""

from typing import Any

from tests.api.person import Person
from tests.api.problems import assert_problem, code_of

PATH = "/v1/tools/import/openapi"


def operation(name: str, **changed: Any) -> dict[str, Any]:
    return {"operationId": name, "summary": f"Does {name}", "responses": {}} | changed


def pets(paths: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    found = paths or {"/pets": {"get": operation("list_pets"), "post": operation("add_pet")}}
    info = {"title": "Pets", "version": "1"}
    return {
        "openapi": "3.1.0",
        "info": info,
        "servers": [{"url": "https://pets.example.com/v1"}],
        "paths": found,
    } | changed


def applied(person: Person, document: Any, name: str = "pets", **body: Any) -> dict[str, Any]:
    answer = person.http.post(PATH, json={"name": name, "document": document, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def previewed(person: Person, document: Any, name: str = "pets", **body: Any) -> dict[str, Any]:
    answer = person.http.post(f"{PATH}/preview", json={"name": name, "document": document, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(person: Person, **body: Any) -> tuple[int, str]:
    """The same by both doors, and nothing is changed by them."""
    before = state_of(person)
    looked, tried = (person.http.post(path, json={"name": "pets"} | body) for path in (f"{PATH}/preview", PATH))
    assert_problem(looked)
    assert (looked.status_code, code_of(looked)) == (tried.status_code, code_of(tried))
    assert state_of(person) == before
    return looked.status_code, code_of(looked)


def state_of(person: Person) -> tuple[Any, Any]:
    return person.http.get(PATH).json(), person.http.get("/v1/tools", params={"limit": 100}).json()


def names(person: Person) -> dict[str, bool]:
    """Whether each tool can be called."""
    items = person.http.get("/v1/tools").json()["items"]
    return {each["name"]: each["enabled"] and not each["withdrawn"] for each in items}

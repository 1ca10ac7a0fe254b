"""OpenAPI imports over HTTP: looked at, applied at once or not at all, and brought up to date."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.launch import House
from tests.api.callers import behind_the_api, context_of
from tests.api.imports import PATH, applied, names, operation, pets, previewed, refused, state_of
from tests.api.person import Person
from tests.api.problems import code_of
from tests.api.registered import new_server, tool
from tests.api.shop import Shop, open_shop

CANARY = "canary-7d31e"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_shop() as running:
        yield running


def test_an_api_s_own_document_is_imported_by_url_and_called(ann: Person, shop: Shop) -> None:
    body = {"name": "shop", "url": f"{shop.url}/openapi.json"}
    shown = ann.http.post(f"{PATH}/preview", json=body).json()
    assert (shown["title"], shown["operations"], shown["skipped"]) == ("Shop", 3, [])
    by_name = {each["name"]: each for each in shown["tools"]}
    assert by_name.keys() == {"get_item", "order", "broken"}
    assert {each["change"] for each in shown["tools"]} == {"added"}
    assert by_name["get_item"]["operation"] == "GET /items/{item}"
    assert (by_name["get_item"]["side_effect"], by_name["order"]["side_effect"]) == ("read", "write")
    assert by_name["get_item"]["server"] == shop.url
    assert by_name["get_item"]["parameters"]["required"] == ["item"]
    [wanted] = shown["credentials"]
    assert (wanted["scheme"], wanted["type"], wanted["fields"]) == ("key", "api_key", ["api_key"])
    assert names(ann) == {}

    done = ann.http.post(PATH, json=body).json()
    assert (sorted(done["added"]), done["imported"]["tools"]) == (["broken", "get_item", "order"], 3)
    stored = ann.http.put("/v1/tools/get_item/credentials/key", json={"api_key": CANARY})
    arguments = {"item": "a b?c#d", "tag": ["x", "y"], "x-request-id": "r1"}
    called = ann.http.post("/v1/tools/get_item/test", json={"arguments": arguments, "call": True})
    result = called.json()["result"]
    assert result["outcome"] == "succeeded", called.text
    said = json.loads(result["text"])
    assert (said["item"], said["tags"], said["request_id"]) == ("a b?c#d", ["x", "y"], "r1")
    assert shop.keys[-1] == CANARY
    assert CANARY not in stored.text + called.text + ann.http.get("/v1/tools/get_item/calls").text
    ordered = ann.http.post("/v1/tools/order/test", json={"arguments": {"body": {"item": "lamp"}}, "call": True})
    assert ordered.json()["result"]["outcome"] == "succeeded"
    assert shop.orders[-1] == {"item": "lamp", "count": 1}


def test_tools_of_an_import_share_their_credentials_until_it_is_deleted(house: House, ann: Person) -> None:
    secured = pets(
        components={"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
        security=[{"key": []}],
    )
    applied(ann, secured)
    ann.http.put("/v1/tools/list_pets/credentials/key", json={"api_key": CANARY}).raise_for_status()
    assert ann.http.get("/v1/tools/add_pet/credentials").json()[0]["version"] == 1
    # They are the import's, not one tool's.
    ann.http.delete("/v1/tools/list_pets").raise_for_status()
    assert ann.http.get("/v1/tools/add_pet/credentials").json()[0]["version"] == 1
    assert ann.http.delete(f"{PATH}/pets").status_code == 204
    assert ann.http.delete(f"{PATH}/pets").status_code == 404
    assert state_of(ann) == ([], {"items": [], "next_cursor": None})
    with behind_the_api(house) as connection:
        rows = connection.execute(
            "SELECT count(*) FROM vault_secrets WHERE tenant_id = %s", (context_of(ann).tenant_id,)
        ).fetchone()
    assert rows == (0,)


@pytest.mark.parametrize(
    "document",
    [
        pets(),
        json.dumps(pets()),
        "openapi: 3.0.3\ninfo: {title: Pets, version: '1'}\nservers: [{url: https://pets.example.com}]\n"
        "paths:\n  /pets:\n    get: {operationId: list_pets, responses: {200: {description: no}}}\n"
        "    post: {operationId: add_pet, responses: {}}\n",
    ],
    ids=["object", "json", "yaml"],
)
def test_a_document_comes_as_an_object_or_as_text(ann: Person, document: Any) -> None:
    assert sorted(applied(ann, document)["added"]) == ["add_pet", "list_pets"]


def test_what_has_changed_is_shown_and_then_applied(ann: Person) -> None:
    paths = {
        "/pets": {"get": operation("list_pets"), "post": operation("add_pet")},
        "/pets/{id}": {
            "delete": operation("remove_pet", parameters=[{"name": "id", "in": "path", "schema": {"type": "string"}}])
        },
    }
    applied(ann, pets(paths))
    newer = pets(
        {
            "/pets": {"get": operation("list_pets"), "post": operation("add_pet", summary="Adds a pet, at last")},
            "/owners": {"get": operation("list_owners")},
        }
    )
    expected = {"list_pets": "unchanged", "add_pet": "changed", "list_owners": "added", "remove_pet": "removed"}
    assert {each["name"]: each["change"] for each in previewed(ann, newer)["tools"]} == expected
    assert names(ann) == {"list_pets": True, "add_pet": True, "remove_pet": True}
    done = applied(ann, newer)
    assert {name: change for change in set(expected.values()) for name in done[change]} == expected
    assert names(ann) == {"list_pets": True, "add_pet": True, "list_owners": True, "remove_pet": False}
    versions = {name: ann.http.get(f"/v1/tools/{name}").json()["version"] for name in expected}
    assert versions == {"list_pets": 1, "add_pet": 2, "list_owners": 1, "remove_pet": 1}
    # Once is enough.
    again = applied(ann, newer)
    assert (again["added"], again["changed"], again["removed"]) == ([], [], [])
    assert sorted(again["unchanged"]) == ["add_pet", "list_owners", "list_pets"]


def test_an_operation_that_moves_stays_the_same_tool_and_never_becomes_less_careful(ann: Person) -> None:
    applied(ann, pets({"/pets": {"post": operation("find_pets")}}))
    done = applied(ann, pets({"/v2/pets": {"get": operation("find_pets")}}))
    assert (done["changed"], done["added"], done["removed"]) == (["find_pets"], [], [])
    found = ann.http.get("/v1/tools/find_pets").json()
    assert (found["version"], found["invocation"]["path"], found["side_effect"]) == (2, "/v2/pets", "write")


def test_an_admin_s_word_on_a_side_effect_stays(ann: Person) -> None:
    said = {"POST /pets": "read"}
    assert [each["side_effect"] for each in previewed(ann, pets(), side_effects=said)["tools"]] == ["read", "read"]
    applied(ann, pets(), side_effects=said)
    assert applied(ann, pets())["changed"] == []
    assert ann.http.get("/v1/tools/add_pet").json()["side_effect"] == "read"
    assert applied(ann, pets(), side_effects={"POST /pets": "write"})["changed"] == ["add_pet"]
    assert ann.http.get("/v1/tools/add_pet").json()["side_effect"] == "write"


def test_an_operation_that_comes_back_is_called_again(ann: Person) -> None:
    applied(ann, pets())
    assert applied(ann, pets(), operations=["GET /pets"])["removed"] == ["add_pet"]
    assert names(ann) == {"list_pets": True, "add_pet": False}
    assert applied(ann, pets())["removed"] == []
    assert names(ann) == {"list_pets": True, "add_pet": True}


def test_credentials_of_one_host_are_not_sent_to_another(ann: Person) -> None:
    schemes = {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}}
    guarded: dict[str, Any] = {"components": schemes, "security": [{"key": []}]}
    applied(ann, pets(**guarded))
    ann.http.put("/v1/tools/list_pets/credentials/key", json={"api_key": "for pets.example.com"})
    applied(ann, pets(**guarded, info={"title": "Pets", "version": "2"}))
    assert ann.http.get("/v1/tools/list_pets/credentials").json()[0]["version"] == 1
    applied(ann, pets(**guarded, servers=[{"url": "https://elsewhere.example.com"}]))
    assert ann.http.get("/v1/tools/list_pets/credentials").json()[0]["version"] is None


def test_an_import_and_a_server_of_one_name_are_never_both_there(ann: Person) -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(8):
            body = {"name": f"n{number}", "prefix": f"n{number}", "document": pets()}
            imported = pool.submit(ann.http.post, PATH, json=body)
            server = pool.submit(ann.http.post, "/v1/tool-servers", json=new_server(f"n{number}"))
            assert sorted((imported.result().is_success, server.result().is_success)) == [False, True]


def test_a_tool_that_was_switched_off_by_hand_is_not_switched_on_by_an_import(ann: Person) -> None:
    applied(ann, pets())
    ann.http.patch("/v1/tools/add_pet", json={"enabled": False})
    changed = pets({"/pets": {"get": operation("list_pets"), "post": operation("add_pet", summary="Other")}})
    assert applied(ann, changed)["changed"] == ["add_pet"]
    assert names(ann) == {"list_pets": True, "add_pet": False}


def test_a_name_that_is_taken_changes_nothing_until_there_is_a_prefix(ann: Person) -> None:
    tool(ann, "add_pet")
    clashes = {each["name"]: each["clash"] for each in previewed(ann, pets())["tools"]}
    assert clashes == {"list_pets": False, "add_pet": True}
    before = state_of(ann)
    answer = ann.http.post(PATH, json={"name": "pets", "document": pets()})
    assert (answer.status_code, code_of(answer)) == (409, "tool_exists")
    assert "add_pet" in answer.json()["detail"]
    assert state_of(ann) == before
    assert sorted(applied(ann, pets(), prefix="pets")["added"]) == ["pets_add_pet", "pets_list_pets"]


def test_a_clash_in_a_newer_document_leaves_the_older_one_in_place(ann: Person) -> None:
    applied(ann, pets())
    tool(ann, "list_owners")
    before = state_of(ann)
    newer = pets({"/pets": {"get": operation("list_pets", summary="Other")}, "/o": {"get": operation("list_owners")}})
    answer = ann.http.post(PATH, json={"name": "pets", "document": newer})
    assert (answer.status_code, code_of(answer)) == (409, "tool_exists")
    assert state_of(ann) == before


def test_built_in_names_are_never_taken(ann: Person) -> None:
    document = pets({"/calculate": {"get": operation("calculate")}})
    assert previewed(ann, document)["tools"][0]["clash"] is True
    answer = ann.http.post(PATH, json={"name": "pets", "document": document})
    assert (answer.status_code, code_of(answer)) == (409, "tool_exists")


def test_an_import_and_a_server_cannot_have_one_name(ann: Person) -> None:
    ann.http.post("/v1/tool-servers", json=new_server("pets")).raise_for_status()
    assert refused(ann, document=pets()) == (409, "name_taken")
    applied(ann, pets(), name="zoo")
    taken = ann.http.post("/v1/tool-servers", json=new_server("zoo"))
    assert (taken.status_code, code_of(taken)) == (409, "name_taken")


def test_only_chosen_operations_become_tools(ann: Person) -> None:
    shown = previewed(ann, pets(), operations=["GET /pets"])
    assert ([each["name"] for each in shown["tools"]], shown["operations"]) == (["list_pets"], 2)
    assert applied(ann, pets(), operations=["GET /pets"])["added"] == ["list_pets"]
    assert applied(ann, pets())["added"] == ["add_pet"]
    # What is chosen no longer is switched off.
    assert applied(ann, pets(), operations=["GET /pets"])["removed"] == ["add_pet"]
    assert names(ann) == {"list_pets": True, "add_pet": False}


def test_each_operation_is_a_tool_or_skipped_with_a_reason(ann: Person) -> None:
    document = pets(
        {
            "/pets": {"get": operation("list_pets")},
            "/plain": {"get": operation("plain", servers=[{"url": "http://plain.example.com"}])},
            "/inside": {"get": operation("inside", servers=[{"url": "https://10.0.0.7"}])},
            "/elsewhere": {"get": operation("elsewhere", parameters=[{"$ref": "https://example.com/p.json"}])},
            "/nul": {
                "get": operation(
                    "nul", parameters=[{"name": "a", "in": "query", "schema": {"type": "string", "enum": ["a\x00"]}}]
                )
            },
        }
    )
    shown = previewed(ann, document)
    skipped = {each["operation"]: each["reason"] for each in shown["skipped"]}
    assert shown["operations"] == len(shown["tools"]) + len(skipped) == 5
    assert skipped.keys() >= {"GET /plain", "GET /inside", "GET /elsewhere"}
    assert all(skipped.values())
    assert "https" in skipped["GET /plain"]
    done = applied(ann, document)
    assert {each["operation"] for each in done["skipped"]} == skipped.keys()


def test_a_document_of_which_nothing_becomes_a_tool_disables_none(ann: Person) -> None:
    applied(ann, pets())
    before = state_of(ann)
    for document in (pets({"/other": {}}), pets(servers=[{"url": "http://plain.example.com"}])):
        answer = ann.http.post(PATH, json={"name": "pets", "document": document})
        assert (answer.status_code, code_of(answer)) == (422, "openapi_no_tools")
    assert state_of(ann) == before


def test_every_document_of_the_golden_folder_is_imported_and_again_changes_nothing(ann: Person, golden: Path) -> None:
    documents = [each for each in sorted((golden / "openapi-specs-sample").iterdir()) if each.suffix != ".txt"]
    assert len(documents) > 50
    for number, path in enumerate(documents):
        body = {"prefix": f"api{number}", "base_url": "https://api.example.com"}
        document = path.read_text()
        shown = previewed(ann, document, f"api{number}", **body)
        assert shown["operations"] == len(shown["tools"]) + len(shown["skipped"]), path.name
        done = applied(ann, document, f"api{number}", **body)
        assert len(done["added"]) == len(shown["tools"]), path.name
        again = applied(ann, document, f"api{number}", **body)
        assert (again["added"], again["changed"], again["removed"]) == ([], [], []), path.name
        assert sorted(again["unchanged"]) == sorted(done["added"]), path.name


def test_everyone_may_have_to_connect_their_own(ann: Person) -> None:
    secured = pets(
        components={"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}, security=[{"token": []}]
    )
    done = applied(ann, secured, per_user=["token"])
    assert [(each["scheme"], each["per_user"]) for each in done["credentials"]] == [("token", True)]
    assert [each["scheme"] for each in ann.http.get("/v1/tools/add_pet/connection").json()] == ["token"]
    ann.http.put("/v1/tools/add_pet/connection/token", json={"token": CANARY}).raise_for_status()
    # Connected once, for all tools of the import.
    assert ann.http.get("/v1/tools/list_pets/connection").json()[0]["is_connected"] is True
    assert refused(ann, document=secured, per_user=["other"]) == (422, "openapi_unknown")


def test_imports_are_each_tenants_own(ann: Person, eve: Person) -> None:
    applied(ann, pets())
    applied(eve, pets())
    assert eve.http.delete(f"{PATH}/pets").status_code == 204
    [imported] = ann.http.get(PATH).json()
    assert (imported["name"], imported["title"], imported["tools"]) == ("pets", "Pets", 2)
    assert names(ann) == {"list_pets": True, "add_pet": True}
    assert eve.http.delete(f"{PATH}/pets").status_code == 404


def test_a_long_preview_leaves_out_the_last_schemas_and_says_all_else(ann: Person) -> None:
    words = {"type": "string", "description": "a word " * 30}
    many = [{"name": f"a{number}", "in": "query", "schema": words} for number in range(100)]
    paths = {f"/pets/{number}": {"get": operation(f"get_{number}", parameters=many)} for number in range(400)}
    shown = previewed(ann, pets(paths))
    assert len(shown["tools"]) == 400
    kept = [each["parameters"] is not None for each in shown["tools"]]
    assert kept[0] and not kept[-1]
    assert kept == sorted(kept, reverse=True)

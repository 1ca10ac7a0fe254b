"""A document as a whole: what is counted, what it is called, and what a newer one changes."""

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.tools.openapi.documents import document, draft_of, imported
from tools.definitions import LONGEST_DESCRIPTION, NAME_PATTERN, SideEffect
from tools.openapi import importing
from tools.openapi.differences import difference
from tools.openapi.importing import tools_of
from tools.openapi.naming import Names


def names(paths: dict[str, Any], **choices: Any) -> list[str]:
    return [tool.name for tool in tools_of(document(paths), **choices).tools]


def test_every_method_is_an_operation_and_nothing_else_is() -> None:
    methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]
    item: dict[str, Any] = {method: {"callbacks": {"done": {"{$url}": {"post": {}}}}} for method in methods}
    found = tools_of(
        document({"/a": item | {"summary": {}, "x-get": {}, "parameters": []}}, webhooks={"w": {"post": {}}})
    )
    assert [tool.operation for tool in found.tools] == [f"{method.upper()} /a" for method in methods]


def test_what_only_reads_is_told_from_what_writes() -> None:
    found = tools_of(document({"/a": {method: {} for method in ("get", "post", "delete", "head")}}))
    assert [tool.side_effect for tool in found.tools] == [
        SideEffect.READ,
        SideEffect.WRITE,
        SideEffect.WRITE,
        SideEffect.READ,
    ]


def test_a_path_item_may_be_referred_to() -> None:
    paths = {"/a": {"$ref": "#/components/pathItems/A", "put": {}}, "/b": {"$ref": "https://elsewhere.example/b"}}
    found = tools_of(document(paths, components={"pathItems": {"A": {"get": {}}}}))
    assert [tool.operation for tool in found.tools] == ["GET /a", "PUT /a"]
    assert "/b: It refers to another document" in found.notes[0]


@pytest.mark.parametrize("paths", [None, [], "x", {}, {"/a": None}, {"/a": []}, {"/a": {"x-y": {}}}])
def test_a_document_without_operations_has_no_tools(paths: Any) -> None:
    found = tools_of(document(paths))
    assert (found.tools, found.skipped) == ((), ())


@pytest.mark.parametrize("raw", [None, [], "x", 7])
def test_an_operation_that_is_no_object_is_skipped(raw: Any) -> None:
    (skipped,) = imported(raw).skipped
    assert (skipped.operation, skipped.reason) == ("GET /pets", "Its description is no object.")


def test_a_broken_operation_does_not_take_its_neighbours_along() -> None:
    bad = {"parameters": [{"$ref": "#/nowhere"}]}
    found = tools_of(
        document({"/a": {"get": bad}, "/b": {"get": {}}, "/c": {"get": {"parameters": 7, "security": 7}}})
    )
    assert [tool.operation for tool in found.tools] == ["GET /b", "GET /c"]
    assert [skipped.operation for skipped in found.skipped] == ["GET /a"]


def test_tools_are_named_after_their_operation() -> None:
    paths = {
        "/pets/{id}": {"get": {"operationId": "getPet"}, "put": {}},
        "/a": {"get": {"operationId": "pets.list/all"}, "put": {"operationId": 7}, "post": {"operationId": "日本"}},
    }
    assert names(paths) == ["getPet", "put_pets_id", "pets_list_all", "put_a", "post_a"]
    assert names(paths, prefix="shop")[:2] == ["shop_getPet", "shop_put_pets_id"]


def test_names_that_clash_are_numbered_in_the_documents_order() -> None:
    paths = {f"/{n}": {"get": {"operationId": name}} for n, name in enumerate(["a", "a", "a_2", "a", "a b", "a-b"])}
    assert names(paths) == ["a", "a_2", "a_2_2", "a_3", "a_b", "a-b"]
    assert names(paths, include={"GET /3"}) == ["a_3"], "choosing operations renames none"


def test_names_that_are_too_long_stay_apart() -> None:
    paths = {f"/{n}": {"get": {"operationId": "x" * 100 + str(n)}} for n in range(20)}
    found = names(paths, prefix="p" * 60)
    assert len(set(found)) == 20
    assert all(re.fullmatch(NAME_PATTERN, name) for name in found)


def test_ten_thousand_equal_names_are_told_apart() -> None:
    taken = Names()
    found = {taken.take("x" * 100) for _ in range(10_000)}
    assert len(found) == 10_000
    assert all(re.fullmatch(NAME_PATTERN, name) for name in found)


def test_only_what_is_included_is_imported() -> None:
    found = tools_of(document({"/a": {"get": {}, "put": 7}, "/b": {"get": {}}}), include=["GET /b"])
    assert [tool.operation for tool in found.tools] == ["GET /b"]
    assert found.skipped == ()


def test_descriptions_are_bounded_and_never_empty() -> None:
    assert draft_of({}).description == "GET /pets"
    assert draft_of({"summary": "List.", "description": "All pets."}).description == "List. All pets."
    assert draft_of({"summary": "List", "description": "List pets."}).description == "List pets."
    assert draft_of({"summary": "List", "deprecated": True}).description == "Deprecated. List."
    assert draft_of({"summary": ["x"], "description": 7}).description == "GET /pets"
    long = draft_of({"description": "x" * 10_000_000}).description
    assert len(long) == LONGEST_DESCRIPTION
    assert "\x00" not in draft_of({"description": "a\x00b"}).description


def test_too_many_operations_are_skipped_unless_they_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_OPERATIONS", 2)
    given = document({f"/{n}": {"get": {}} for n in range(4)})
    found = tools_of(given)
    assert [len(found.tools), len(found.skipped)] == [2, 2]
    assert "choose some" in found.skipped[0].reason
    assert len(tools_of(given, include=["GET /3"]).tools) == 1


@pytest.mark.parametrize("path", ["/a\x00b", "/" + "x" * 3000, "/{a/b}"])
def test_a_path_that_cannot_be_called_is_skipped(path: str) -> None:
    assert len(imported({}, path=path).skipped) == 1


def test_importing_twice_gives_the_same() -> None:
    given = document({"/a": {"get": {"operationId": "a"}}, "/b": {"get": {"operationId": "a"}}})
    assert tools_of(given) == tools_of(given)


def test_a_newer_document_is_shown_as_a_difference() -> None:
    old = tools_of(document({"/a": {"get": {"operationId": "a"}}, "/b": {"get": {}}, "/c": {"get": {}}}))
    present = {
        tool.operation: replace(tool, invocation=orjson.loads(orjson.dumps(tool.invocation))) for tool in old.tools
    }
    present["GET /b"] = replace(present["GET /b"], name="my_b", side_effect=SideEffect.NONE)
    newer = {
        "/new": {"get": {"operationId": "a"}},
        "/a": {"get": {"operationId": "renamed"}},
        "/b": {"get": {"parameters": [{"name": "n", "in": "query", "schema": {}}]}},
    }
    found = difference(present, tools_of(document(newer)).tools)
    assert [draft.operation for draft in found.added] == ["GET /new"]
    assert [(draft.operation, draft.name) for draft in found.unchanged] == [("GET /a", "a")]
    assert [(draft.name, draft.side_effect) for draft in found.changed] == [("my_b", SideEffect.NONE)]
    assert found.removed == ("get_c",)


def test_the_same_document_again_changes_nothing() -> None:
    body = {"requestBody": {"content": {"application/json": {"schema": {"minimum": 1.0}}}}}
    given = document({"/a": {"post": body}})
    found = difference({tool.operation: tool for tool in tools_of(given).tools}, tools_of(given).tools)
    assert (found.added, found.changed, found.removed, len(found.unchanged)) == ((), (), (), 1)

"""Tools over HTTP: registered, tried, changed, rolled back, switched off, deleted; and whoever may call them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.launch import House
from core.tenancy import Role
from tests.api.callers import colleague
from tests.api.paging import pages_of
from tests.api.person import Person
from tests.api.problems import code_of
from tests.api.registered import ORDER, new_tool, tool
from tests.api.shop import Shop, open_shop


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_shop() as running:
        yield running


def order(shop: Shop, **changed: Any) -> dict[str, Any]:
    return {"url": f"{shop.url}/orders", "security": []} | changed


def tried(person: Person, name: str, *, call: bool = True, **arguments: Any) -> dict[str, Any]:
    answer = person.http.post(f"/v1/tools/{name}/test", json={"arguments": arguments, "call": call})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_tool_is_registered_tried_and_in_the_audit(ann: Person, shop: Shop) -> None:
    registered = tool(ann, "order", **order(shop))
    assert (registered["version"], registered["side_effect"], registered["source"]) == (1, "write", None)
    assert ann.http.get("/v1/tools/order").json() == registered
    before = len(shop.orders)
    shown = tried(ann, "order", call=False, item="lamp")
    assert shown["result"] is None
    assert (shown["request"]["method"], shown["request"]["url"]) == ("POST", f"{shop.url}/orders")
    assert len(shop.orders) == before
    made = tried(ann, "order", item="lamp", count=2)["result"]
    assert (made["outcome"], made["text"]) == ("succeeded", f'{{"number":{before + 1}}}')
    assert shop.orders[-1] == {"item": "lamp", "count": 2}
    [call] = ann.http.get("/v1/tools/order/calls").json()["items"]
    assert (call["arguments"], call["outcome"]) == ({"item": "lamp", "count": 2}, "succeeded")
    assert call["user_id"] == ann.tokens["me"]["user_id"]


@pytest.mark.parametrize("arguments", [{}, {"item": 7}, {"item": "lamp", "colour": "red"}, {"item": "a", "count": 0}])
def test_arguments_that_do_not_fit_are_refused(ann: Person, shop: Shop, arguments: dict[str, Any]) -> None:
    tool(ann, "order", **order(shop))
    before = len(shop.orders)
    answer = ann.http.post("/v1/tools/order/test", json={"arguments": arguments, "call": True})
    assert (answer.status_code, code_of(answer)) == (422, "invalid_arguments")
    assert len(shop.orders) == before


def test_a_name_that_is_taken_changes_nothing(ann: Person, eve: Person) -> None:
    first = tool(ann, "order")
    again = ann.http.post("/v1/tools", json=new_tool("order", description="Another."))
    assert (again.status_code, code_of(again)) == (409, "tool_exists")
    assert ann.http.get("/v1/tools/order").json() == first
    assert len(ann.http.get("/v1/tools/order/versions").json()) == 1
    # Names are each tenant's own.
    assert tool(eve, "order")["tool_id"] != first["tool_id"]


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"item": schema}}
    return schema


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "search_documents"},
        {"name": "two words"},
        {"name": "a" * 65},
        {"description": ""},
        {"description": "a" * 1025},
        {"parameters": {"type": "array"}},
        {"parameters": {"type": "object", "properties": {"item": {"type": "nonsense"}}}},
        {"parameters": {"type": "object", "properties": {"item": {"$ref": "https://example.com/schema"}}}},
        {"parameters": {"type": "object", "properties": {"item": {"default": 2**70}}}},
        {"parameters": {"type": "object", "title": "half \ud800"}},
        {"parameters": {"type": "object", "title": "a\x00b"}},
        {"parameters": nested(150)},
        {"security": [{"type": "api_key", "id": "key", "location": "query", "name": "a\x00b"}]},
        {"kind": "mcp"},
        {"url": "http://shop.example.com/orders"},
        {"url": "https://169.254.169.254/latest"},
        {"url": "https://{item}.example.com"},
        {"url": "/orders"},
        {"security": [{"type": "bearer", "id": "key", "token": "canary"}]},
        {"security": [{"type": "oauth2_client_credentials", "id": "key", "token_url": "https://10.0.0.7/token"}]},
    ],
    ids=lambda changed: repr(changed)[:60],
)
def test_what_cannot_be_a_tool_is_refused(ann: Person, changed: dict[str, Any]) -> None:
    body = json.dumps(new_tool(**({"name": "order"} | changed)))
    answer = ann.http.post("/v1/tools", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert "canary" not in answer.text
    assert ann.http.get("/v1/tools").json()["items"] == []


def test_an_edit_is_a_new_version_and_can_be_rolled_back(ann: Person, shop: Shop) -> None:
    tool(ann, "order", **order(shop))
    second = ann.http.post("/v1/tools/order/versions", json={"description": "Orders, and more."})
    assert (second.status_code, second.json()["version"]) == (201, 2)
    assert second.json()["parameters"]["properties"] == ORDER["properties"]
    versions = ann.http.get("/v1/tools/order/versions").json()
    assert [(each["version"], each["description"]) for each in versions] == [(2, "Orders, and more."), (1, "Orders.")]
    back = ann.http.patch("/v1/tools/order", json={"latest": 1}).json()
    assert (back["version"], back["description"]) == (1, "Orders.")
    assert ann.http.patch("/v1/tools/order", json={"latest": 3}).status_code == 404
    third = ann.http.post("/v1/tools/order/versions", json={"side_effect": "read"}).json()
    assert (third["version"], third["description"], third["side_effect"]) == (3, "Orders.", "read")


def test_a_disabled_tool_is_not_called(ann: Person, shop: Shop) -> None:
    tool(ann, "order", **order(shop))
    assert ann.http.patch("/v1/tools/order", json={"enabled": False}).json()["enabled"] is False
    assert tried(ann, "order", item="lamp")["result"]["outcome"] == "unknown_tool"
    ann.http.patch("/v1/tools/order", json={"enabled": True})
    assert tried(ann, "order", item="lamp")["result"]["outcome"] == "succeeded"


def test_what_is_deleted_leaves_only_the_audit(ann: Person, shop: Shop) -> None:
    tool(ann, "order", **order(shop))
    tried(ann, "order", item="lamp")
    ann.http.put("/v1/tools/order/policy", json={"approval": "deny"})
    ann.http.post("/v1/tools/order/grants", json={})
    assert ann.http.delete("/v1/tools/order").status_code == 204
    for path in ("", "/versions", "/policy", "/grants", "/credentials", "/connection"):
        assert ann.http.get(f"/v1/tools/order{path}").status_code == 404
    assert len(ann.http.get("/v1/tools/order/calls").json()["items"]) == 1
    tool(ann, "order", **order(shop))
    assert ann.http.get("/v1/tools/order/grants").json() == []
    assert ann.http.get("/v1/tools/order/policy").json()["approval"] is None


def test_tools_are_listed_the_newest_first_page_by_page(ann: Person) -> None:
    for number in range(5):
        tool(ann, f"tool_{number}")
    pages = pages_of(ann.http, "/v1/tools", limit=2)
    assert [item["name"] for page in pages for item in page] == [f"tool_{number}" for number in (4, 3, 2, 1, 0)]
    assert ann.http.get("/v1/tools", params={"source": "shop"}).json()["items"] == []


def test_built_in_tools_have_policies_and_grants_like_any_other(ann: Person) -> None:
    names = {each["name"] for each in ann.http.get("/v1/built-in-tools").json()}
    assert names == {
        "search_documents",
        "read_document",
        "list_documents",
        "current_time",
        "calculate",
        "ask_user",
    }
    assert ann.http.put("/v1/tools/calculate/policy", json={"approval": "ask"}).json()["approval"] == "ask"
    assert ann.http.post("/v1/tools/calculate/grants", json={"role": "admin"}).status_code == 201
    assert tried(ann, "calculate", expression="6 * 7")["result"]["text"] == "42"
    assert ann.http.delete("/v1/tools/calculate").status_code == 404


def test_grants_are_given_listed_and_taken_back(ann: Person) -> None:
    tool(ann, "order")
    given = ann.http.post("/v1/tools/order/grants", json={"effect": "deny", "role": "member"}).json()
    assert ann.http.get("/v1/tools/order/grants").json() == [given]
    path = f"/v1/tools/order/grants/{given['grant_id']}"
    assert ann.http.delete(path).status_code == 204
    assert ann.http.delete(path).status_code == 404
    assert ann.http.get("/v1/tools/order/grants").json() == []


def test_a_tool_that_goes_elsewhere_leaves_its_secrets_behind(ann: Person, shop: Shop) -> None:
    key = {"type": "api_key", "id": "key", "location": "header", "name": "X-Key"}
    tool(ann, "order", **order(shop, security=[key]))
    ann.http.put("/v1/tools/order/credentials/key", json={"api_key": "for this shop alone"})
    invocation = new_tool("order", f"{shop.url}/other", security=[key])["invocation"]
    ann.http.post("/v1/tools/order/versions", json={"invocation": invocation})
    assert ann.http.get("/v1/tools/order/credentials").json()[0]["version"] == 1
    moved = invocation | {"url": "https://elsewhere.example.com/orders"}
    assert ann.http.post("/v1/tools/order/versions", json={"invocation": moved}).status_code == 201
    assert ann.http.get("/v1/tools/order/credentials").json()[0]["version"] is None


def test_what_is_given_while_a_tool_is_deleted_is_not_inherited(ann: Person, shop: Shop) -> None:
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            tool(ann, "order", **order(shop))
            given = [
                pool.submit(ann.http.put, "/v1/tools/order/policy", json={"approval": "auto"}),
                pool.submit(ann.http.delete, "/v1/tools/order"),
                pool.submit(ann.http.post, "/v1/tools/order/grants", json={}),
            ]
            assert all(each.result().status_code < 500 for each in given)
            tool(ann, "order", **order(shop))
            assert ann.http.get("/v1/tools/order/grants").json() == []
            assert ann.http.get("/v1/tools/order/policy").json()["approval"] is None
            ann.http.delete("/v1/tools/order")


def test_grants_come_with_a_registration(ann: Person, shop: Shop) -> None:
    tool(ann, "order", **order(shop), grants=[{"role": "member"}, {"effect": "deny", "role": "viewer"}])
    given = ann.http.get("/v1/tools/order/grants").json()
    assert {(each["effect"], each["role"]) for each in given} == {("allow", "member"), ("deny", "viewer")}


def test_the_audit_is_each_tenants_own(ann: Person, eve: Person, shop: Shop) -> None:
    for person in (ann, eve):
        tool(person, "order", **order(shop))
    tried(ann, "order", item="hers")
    assert eve.http.get("/v1/tools/order/calls").json()["items"] == []


def test_a_member_may_look_and_not_touch(house: House, ann: Person) -> None:
    tool(ann, "order")
    with colleague(house, ann) as member:
        assert member.get("/v1/tools/order").status_code == 200
        assert member.post("/v1/tools", json=new_tool("mine")).status_code == 403
        assert member.post("/v1/tools/order/test", json={"arguments": {"item": "lamp"}}).status_code == 403
        assert member.get("/v1/tools/order/calls").status_code == 403
    with colleague(house, ann, Role.VIEWER) as viewer:
        assert viewer.get("/v1/tools/order").status_code == 403


def test_what_a_peer_answers_badly_is_a_result_and_no_error_of_ours(ann: Person, shop: Shop) -> None:
    # A fresh name: the breaker counts failures by tool.
    broken = {"method": "GET", "url": f"{shop.url}/broken"}
    tool(ann, "broken", invocation=broken, parameters={"type": "object"}, side_effect="read")
    result = tried(ann, "broken")["result"]
    assert result["outcome"] == "failed"
    assert "503" in result["text"] and "closed" in result["text"]

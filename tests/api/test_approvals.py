"""Calls that wait for somebody to decide, over HTTP: who sees them, who may decide, and what comes of it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from api.launch import House, free_port
from core.tenancy import Role
from tests.agents.calling_model import CallingModel, Says, calling_model
from tests.api.callers import colleague
from tests.api.peers import beside
from tests.api.person import Person
from tests.api.problems import code_of
from tests.api.registered import tool
from tests.api.shop import Shop, open_shop

APPROVE = {"type": "approve"}


@pytest.fixture(scope="module")
def model() -> Iterator[CallingModel]:
    with beside(calling_model()) as running:
        yield running


@pytest.fixture(scope="module")
def calling_house(house: House, model: CallingModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A second API process on the same stores, whose model calls tools."""
    port = free_port()
    environment = house.environment | {
        "ATRIUM_PORT": str(port),
        "ATRIUM_LLM_BASE_URL": model.url,
        "ATRIUM_LLM_MAX_RETRIES": "0",
    }
    other = House(f"http://127.0.0.1:{port}", house.servers, tmp_path_factory.mktemp("calling"), environment)
    other.start("api")
    try:
        other.wait_until_ready()
        yield other
    finally:
        other.stop()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as running:
        yield running


@pytest.fixture
def ann(calling_house: House, shop: Shop) -> Iterator[Person]:
    """With a tool that orders, which is asked about, and which everyone may call."""
    with closing(Person(calling_house.url)) as person:
        tool(person, "order", url=f"{shop.url}/orders", security=[])
        person.http.post("/v1/tools/order/grants", json={}).raise_for_status()
        yield person


def asked(ann: Person, model: CallingModel, *items: str) -> tuple[str, dict[str, Any]]:
    """The thread, and what its run waits with."""
    model.turns = [[Says("order", {"item": item}, id=item) for item in items], "It is ordered."]
    events = ann.chat("Order something.")
    waiting = [event for name, event in events if name == "interrupt"]
    assert len(waiting) == 1, events
    return events[0][1]["thread_id"], waiting[0]["value"]


def pending(http: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get("/v1/approvals", params={"status": "pending"}).json()["items"]
    return found


def ended(ann: Person, thread_id: str) -> str:
    """The answer of the newest run on the thread, when it has ended."""
    newest = ann.http.get(f"/threads/{thread_id}/runs").json()[0]["run_id"]
    ann.http.get(f"/threads/{thread_id}/runs/{newest}/join").raise_for_status()
    answer: str = ann.http.get(f"/v1/threads/{thread_id}").json()["messages"][-1]["content"]
    return answer


def test_a_call_is_shown_approved_and_made_once(ann: Person, model: CallingModel, shop: Shop) -> None:
    thread_id, waiting = asked(ann, model, "lamp")
    [approval] = pending(ann.http)
    assert [each["approval_id"] for each in waiting["action_requests"]] == [approval["approval_id"]]
    assert (approval["name"], approval["arguments"], approval["status"]) == ("order", {"item": "lamp"}, "pending")
    path = f"/v1/approvals/{approval['approval_id']}"
    assert ann.http.get(path).json() == approval
    assert shop.orders == []
    decided = ann.http.post(path, json=APPROVE)
    assert (decided.status_code, decided.json()["status"]) == (200, "approved")
    assert decided.json()["decided_by"] == ann.tokens["me"]["user_id"]
    assert ended(ann, thread_id) == "It is ordered."
    assert shop.orders == [{"item": "lamp", "count": 1}]
    again = ann.http.post(path, json=APPROVE)
    assert again.status_code == 409
    assert pending(ann.http) == []
    assert len(shop.orders) == 1
    [call] = ann.http.get("/v1/tools/order/calls").json()["items"]
    assert (call["outcome"], call["thread_id"]) == ("succeeded", thread_id)


def test_an_approver_may_change_the_arguments_within_the_schema(ann: Person, model: CallingModel, shop: Shop) -> None:
    thread_id, _ = asked(ann, model, "lamp")
    path = f"/v1/approvals/{pending(ann.http)[0]['approval_id']}"
    for action in ({"name": "order", "args": {"item": 7}}, {"name": "calculate", "args": {"item": "lamp"}}):
        refused = ann.http.post(path, json={"type": "edit", "edited_action": action})
        assert refused.status_code == 422
    assert shop.orders == []
    edited = {"name": "order", "args": {"item": "candle", "count": 2}}
    ann.http.post(path, json={"type": "edit", "edited_action": edited}).raise_for_status()
    ended(ann, thread_id)
    assert shop.orders == [{"item": "candle", "count": 2}]


def test_a_rejected_call_is_not_made_and_the_model_is_told_why(ann: Person, model: CallingModel, shop: Shop) -> None:
    thread_id, _ = asked(ann, model, "lamp")
    path = f"/v1/approvals/{pending(ann.http)[0]['approval_id']}"
    ann.http.post(path, json={"type": "reject", "message": "We have lamps."}).raise_for_status()
    ended(ann, thread_id)
    assert shop.orders == []
    assert "We have lamps." in model.results[0]


def test_the_run_goes_on_when_every_call_is_decided(ann: Person, model: CallingModel, shop: Shop) -> None:
    thread_id, waiting = asked(ann, model, "lamp", "candle")
    first, second = (each["approval_id"] for each in waiting["action_requests"])
    ann.http.post(f"/v1/approvals/{first}", json=APPROVE).raise_for_status()
    assert shop.orders == []
    ann.http.post(f"/v1/approvals/{second}", json={"type": "reject"}).raise_for_status()
    assert ended(ann, thread_id) == "It is ordered."
    assert [order["item"] for order in shop.orders] == ["lamp"]


def test_who_may_decide_is_the_policys_word(
    calling_house: House, ann: Person, model: CallingModel, shop: Shop
) -> None:
    ann.http.put("/v1/tools/order/policy", json={"approver_role": "admin"}).raise_for_status()
    asked(ann, model, "lamp")
    [approval] = pending(ann.http)
    path = f"/v1/approvals/{approval['approval_id']}"
    with (
        colleague(calling_house, ann, Role.VIEWER) as viewer,
        colleague(calling_house, ann) as member,
        colleague(calling_house, ann, Role.ADMIN) as admin,
    ):
        for http in (viewer, member):
            assert pending(http) == []
            assert http.post(path, json=APPROVE).status_code in (403, 404)
        assert shop.orders == []
        assert [each["approval_id"] for each in pending(admin)] == [approval["approval_id"]]
        assert admin.post(path, json=APPROVE).status_code == 200
    ended(ann, approval["thread_id"])
    assert len(shop.orders) == 1


def test_another_tenant_neither_sees_nor_decides(
    calling_house: House, ann: Person, model: CallingModel, shop: Shop
) -> None:
    asked(ann, model, "lamp")
    [approval] = pending(ann.http)
    path = f"/v1/approvals/{approval['approval_id']}"
    with closing(Person(calling_house.url)) as eve:
        assert eve.http.get("/v1/approvals").json()["items"] == []
        for answer in (eve.http.get(path), eve.http.post(path, json=APPROVE)):
            assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert shop.orders == []
    assert pending(ann.http) == [approval]


@pytest.mark.parametrize(
    "decision",
    [
        {},
        {"type": "approved"},
        {"type": "edit"},
        {"type": "edit", "edited_action": {"name": "order", "args": []}},
        {"type": "reject", "message": "a" * 2001},
        [],
    ],
    ids=lambda decision: repr(decision)[:40],
)
def test_what_is_no_decision_decides_nothing(ann: Person, model: CallingModel, shop: Shop, decision: Any) -> None:
    asked(ann, model, "lamp")
    path = f"/v1/approvals/{pending(ann.http)[0]['approval_id']}"
    answer = ann.http.post(path, json=decision)
    assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
    assert len(pending(ann.http)) == 1
    assert shop.orders == []

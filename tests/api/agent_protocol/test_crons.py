from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

from api.launch import House
from core.tenancy import Role
from tests.api.callers import colleague, nobody
from tests.api.person import Person
from tests.api.problems import assert_problem

YEARLY = "0 0 1 1 *"
SHOWN = {
    "cron_id", "assistant_id", "thread_id", "on_run_completed", "end_time", "schedule", "timezone", "created_at",
    "updated_at", "user_id", "payload", "next_run_date", "metadata", "enabled",
}  # fmt: skip


def authorization(person: Person) -> dict[str, str]:
    return {"Authorization": person.http.headers["Authorization"]}


def assert_refused(answer: httpx.Response, status: int, code: str) -> None:
    assert_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.fixture
def client(ann: Person) -> LangGraphClient:
    return get_client(url=str(ann.http.base_url), headers=authorization(ann))


@pytest.fixture
def sync_client(ann: Person) -> SyncLangGraphClient:
    return get_sync_client(url=str(ann.http.base_url), headers=authorization(ann))


@pytest.fixture
def cron(ann: Person) -> dict[str, Any]:
    created = ann.http.post(
        "/runs/crons", json={"assistant_id": "agent", "schedule": YEARLY, "input": {"messages": []}}
    )
    assert created.status_code == 200, created.text
    shown: dict[str, Any] = created.json()
    return shown


@pytest.fixture
def bob(house: House, ann: Person) -> Iterator[httpx.Client]:
    """Another member of Ann's tenant."""
    with closing(colleague(house, ann, Role.MEMBER)) as http:
        yield http


def calls(http: httpx.Client, cron_id: str) -> list[httpx.Response]:
    """Every route that takes a cron's id."""
    path = f"/runs/crons/{cron_id}"
    return [http.get(path), http.patch(path, json={"enabled": False}), http.delete(path)]


def test_anonymous_gets_401(house: House, cron: dict[str, Any]) -> None:
    with closing(nobody(house)) as http:
        new = {"assistant_id": "agent", "schedule": YEARLY}
        answers = [
            *calls(http, cron["cron_id"]),
            http.post("/runs/crons", json=new),
            http.post(f"/threads/{uuid4()}/runs/crons", json=new),
            http.post("/runs/crons/search", json={}),
            http.post("/runs/crons/count", json={}),
        ]
    assert {answer.status_code for answer in answers} == {401}


def test_another_tenant_and_another_member_get_404_and_count_none(
    eve: Person, bob: httpx.Client, cron: dict[str, Any]
) -> None:
    for http in (eve.http, bob):
        for answer in calls(http, cron["cron_id"]):
            assert_refused(answer, 404, "not_found")
        assert http.post("/runs/crons/search", json={}).json() == []
        assert http.post("/runs/crons/count", json={}).json() == 0


async def test_the_sdk_creates_changes_finds_and_deletes_a_cron(client: LangGraphClient) -> None:
    created = await client.crons.create(
        "agent", schedule=YEARLY, input={"messages": []}, metadata={"label": "a"}, timezone="Europe/Oslo",
        end_time=datetime(2100, 1, 1, tzinfo=UTC), stream_mode="updates", interrupt_before="*", durability="exit",
        config={"tags": ["nightly"], "configurable": {"thread_id": "not mine to say"}}, multitask_strategy="rollback",
    )  # fmt: skip
    cron: dict[str, Any] = dict(created)
    assert cron.keys() == SHOWN
    assert (cron["thread_id"], cron["on_run_completed"], cron["enabled"]) == (None, "delete", True)
    assert cron["next_run_date"].endswith("12-31T23:00:00Z")
    assert cron["payload"]["stream_mode"] == ["updates"]
    assert cron["payload"]["config"] == {"tags": ["nightly"], "configurable": {}}

    changed = await client.crons.update(
        cron["cron_id"], schedule="0 0 2 1 *", timezone="UTC", end_time=None, metadata={"b": 1},
        webhook="https://example.com/hooks", enabled=False, on_run_completed="keep",
    )  # fmt: skip
    assert (changed["end_time"], changed["next_run_date"], changed["enabled"]) == (None, None, False)
    assert changed["metadata"] == {"label": "a", "b": 1}
    assert changed["payload"] == cron["payload"] | {"webhook": "https://example.com/hooks"}

    (found,) = await client.crons.search(metadata={"label": "a"}, enabled=False)
    assert found == changed
    (named,) = await client.crons.search(select=["cron_id", "schedule"])
    assert named == {"cron_id": cron["cron_id"], "schedule": "0 0 2 1 *"}
    assert await client.crons.count(assistant_id=cron["assistant_id"]) == 1
    await client.crons.delete(cron["cron_id"])
    assert await client.crons.count() == 0


def test_the_sync_sdk_makes_a_cron_of_a_thread(sync_client: SyncLangGraphClient) -> None:
    thread_id = sync_client.threads.create()["thread_id"]
    created: dict[str, Any] = dict(
        sync_client.crons.create_for_thread(thread_id, "agent", schedule=YEARLY, multitask_strategy="interrupt")
    )
    assert (created["thread_id"], created["on_run_completed"]) == (thread_id, None)
    assert created["payload"]["multitask_strategy"] == "interrupt"
    (found,) = sync_client.crons.search(thread_id=thread_id)
    assert dict(found) == created
    sync_client.crons.delete(created["cron_id"])
    assert sync_client.crons.count(thread_id=thread_id) == 0


def test_a_page_says_in_headers_where_it_ends(ann: Person, cron: dict[str, Any]) -> None:
    second = ann.http.post("/runs/crons", json={"assistant_id": "agent", "schedule": YEARLY}).json()
    page = ann.http.post("/runs/crons/search", json={"limit": 1})
    assert [shown["cron_id"] for shown in page.json()] == [second["cron_id"]]
    assert (page.headers["x-pagination-total"], page.headers["x-pagination-next"]) == ("2", "1")
    last = ann.http.post(
        "/runs/crons/search", json={"limit": 1, "offset": 1, "sort_by": "cron_id", "sort_order": "asc"}
    )
    assert [shown["cron_id"] for shown in last.json()] == [second["cron_id"]]
    assert last.headers["x-pagination-total"] == "2"
    assert "x-pagination-next" not in last.headers


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"schedule": "* * * * * *"}, "invalid_schedule"),
        ({"schedule": "0 0 30 2 *"}, "invalid_schedule"),
        ({"timezone": "Mars"}, "invalid_schedule"),
        ({"webhook": "http://169.254.169.254/latest"}, "url_refused"),
        ({"webhook": "/internal"}, "url_refused"),
        ({"end_time": "9999-12-31T23:59:59-12:00"}, "invalid_request"),
        ({"metadata": {"a": "\u0000"}}, "invalid_request"),
        ({"config": {"recursion_limit": 0}}, "invalid_request"),
    ],
)
def test_what_cannot_be_right_is_a_422_that_says_so(
    ann: Person, cron: dict[str, Any], wrong: dict[str, Any], code: str
) -> None:
    created = ann.http.post("/runs/crons", json={"assistant_id": "agent", "schedule": YEARLY, **wrong})
    assert_refused(created, 422, code)
    assert_refused(ann.http.patch(f"/runs/crons/{cron['cron_id']}", json=wrong), 422, code)
    assert ann.http.get(f"/runs/crons/{cron['cron_id']}").json() == cron


def test_an_assistant_or_thread_that_is_not_there_is_a_404(ann: Person) -> None:
    new = {"assistant_id": str(uuid4()), "schedule": YEARLY}
    assert_refused(ann.http.post("/runs/crons", json=new), 404, "not_found")
    assert_refused(
        ann.http.post(f"/threads/{uuid4()}/runs/crons", json=new | {"assistant_id": "agent"}), 404, "not_found"
    )

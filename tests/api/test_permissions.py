"""Every route of the application, one by one: who may call it, and whose rows it can touch."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from api.dependencies import Allow, public
from api.launch import House
from core.tenancy import Role, TenantContext
from tenants.permissions import Permission, roles_with
from tests.api.callers import nobody, program
from tests.api.person import Person
from tests.api.problems import code_of
from tests.api.registered import one_of_each
from tests.api.routes import (
    LAZY,
    OF_A_NAME,
    OF_ANY_NAME,
    PROTECTED,
    ROUTES,
    Route,
    request_of,
    routes_of,
    unknown_ids,
)

every_protected_route = pytest.mark.parametrize("route", PROTECTED, ids=str)
every_route_that_needs_its_id = pytest.mark.parametrize(
    "route", [route for route in PROTECTED if route.id_names and route.path not in LAZY | OF_ANY_NAME], ids=str
)
# A model goes by the id of a graph as well.
# A model goes by its name; a command is answered in its protocol's own terms.
NAMED_OTHERWISE = {"/v1/models/{model}", "/threads/{thread_id}/commands"}
every_route_with_a_uuid = pytest.mark.parametrize(
    "route",
    [route for route in PROTECTED if set(route.id_names) - OF_A_NAME and route.path not in NAMED_OTHERWISE],
    ids=str,
)


@pytest.fixture(scope="module")
def owner(house: House) -> Iterator[Person]:
    with closing(Person(house.url)) as person:
        yield person


@pytest.fixture(scope="module")
def stranger(house: House) -> Iterator[Person]:
    """The owner of another tenant."""
    with closing(Person(house.url)) as person:
        yield person


@pytest.fixture(scope="module")
def in_role(house: House, owner: Person) -> Iterator[dict[Role, httpx.Client]]:
    """A program with an API key of each role."""
    with ExitStack() as open_clients:
        yield {role: open_clients.enter_context(program(house, owner, role=role)) for role in Role}


@pytest.fixture(scope="module")
def owned(house: House, owner: Person) -> dict[str, str]:
    """One of everything that has an id."""
    knowledge_base_id = owner.knowledge_base()
    document = owner.ready(knowledge_base_id, holidays_md="Everyone gets 28 days of holiday a year.")[0]
    run = owner.chat("How many days of holiday?")[0][1]
    assistant = owner.http.post("/assistants", json={"graph_id": "agent", "name": "Ours"}).json()
    cron = {"assistant_id": "agent", "schedule": "0 0 1 1 *", "input": {}}
    return {
        "knowledge_base_id": knowledge_base_id,
        "document_id": document["document_id"],
        "thread_id": run["thread_id"],
        "run_id": run["run_id"],
        "checkpoint_id": owner.http.get(f"/threads/{run['thread_id']}/state").json()["checkpoint"]["checkpoint_id"],
        "assistant_id": assistant["assistant_id"],
        "model": assistant["assistant_id"],
        "cron_id": owner.http.post("/runs/crons", json=cron).json()["cron_id"],
        "api_key_id": owner.http.post("/v1/api-keys", json={"name": "key"}).json()["api_key_id"],
        "namespace": "respond",
        **one_of_each(house, owner, run["thread_id"], run["run_id"]),
    }


def undeclared(routes: list[Route]) -> list[str]:
    return [str(route) for route in routes if (route.permission is None) is not route.public]


def test_every_route_declares_either_a_permission_or_that_it_is_public() -> None:
    assert len(ROUTES) > 20
    assert undeclared(ROUTES) == []


def test_a_route_that_declares_nothing_or_both_is_found() -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/nothing")
    def nothing() -> None: ...

    @app.get("/both", dependencies=[Depends(public)])
    def both(ctx: Annotated[TenantContext, Depends(Allow(Permission.CHAT))]) -> None: ...

    assert undeclared(routes_of(app)) == ["GET /nothing", "GET /both"]


@every_protected_route
def test_anonymous_gets_401(house: House, route: Route) -> None:
    with nobody(house) as client:
        answer = client.request(route.method, route.path_with(unknown_ids()))
    assert (answer.status_code, code_of(answer)) == (401, "unauthenticated")


@every_protected_route
def test_a_role_may_what_its_permissions_say(in_role: dict[Role, httpx.Client], route: Route) -> None:
    assert route.permission is not None
    for role, client in in_role.items():
        answer = client.request(route.method, route.path_with(unknown_ids()))
        refused = answer.status_code == 403
        assert refused is (role not in roles_with(route.permission)), role
        assert not refused or route.permission in answer.json()["detail"]


@every_protected_route
def test_a_bearer_token_and_an_api_key_open_the_same_doors(
    owner: Person, in_role: dict[Role, httpx.Client], route: Route
) -> None:
    path = route.path_with(unknown_ids())
    by_token = owner.http.request(route.method, path)
    by_key = in_role[Role.OWNER].request(route.method, path)
    assert by_token.status_code == by_key.status_code
    assert by_token.status_code in (200, 400, 404, 422)


@every_route_that_needs_its_id
def test_member_of_another_tenant_gets_404(owned: dict[str, str], stranger: Person, route: Route) -> None:
    theirs = stranger.http.request(route.method, route.path_with(owned), **request_of(route))
    missing = stranger.http.request(route.method, route.path_with(unknown_ids()), **request_of(route))
    assert theirs.status_code == missing.status_code == 404
    assert theirs.json() | {"request_id": ""} == missing.json() | {"request_id": ""}


@every_route_with_a_uuid
def test_what_is_no_uuid_gets_422(owner: Person, route: Route) -> None:
    path = route.path_with(defaultdict(lambda: "7"))
    answer = owner.http.request(route.method, path, **request_of(route))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_viewer_cannot_upload(in_role: dict[Role, httpx.Client], owned: dict[str, str]) -> None:
    path = f"/v1/knowledge-bases/{owned['knowledge_base_id']}/documents"
    answer = in_role[Role.VIEWER].post(path, files=[("files", ("a.md", b"words"))])
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "documents:write" in answer.json()["detail"]


def test_member_cannot_create_a_knowledge_base(in_role: dict[Role, httpx.Client]) -> None:
    answer = in_role[Role.MEMBER].post("/v1/knowledge-bases", json={"name": "Mine"})
    assert answer.status_code == 403
    assert "knowledge_bases:write" in answer.json()["detail"]

"""Two tenants at once walk through every route, each also with the other's ids."""

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx

from graphs.catalog.catalog import AGENT, default_assistant_id
from tests.api.conftest import NewPerson
from tests.api.person import Person
from tests.api.registered import OWN, SHARED
from tests.api.routes import ENDLESS, LAZY, OF_ANY_NAME, PROTECTED, Route, request_of

STEPS = 150
ID_NAMES = (
    "knowledge_base_id",
    "document_id",
    "thread_id",
    "run_id",
    "assistant_id",
    "cron_id",
    "api_key_id",
    "grant_id",
    "name",
    "server",
    "imported",
)
# What has a name instead of an id, by a field that only its answers have.
NAMED = {"tool_id": "name", "server_id": "server", "title": "imported"}
# Of credentials everyone has these.
SCHEMES = {"credentials": SHARED, "connection": OWN}
# They need somebody else on the network, or to come back from there.
OUTWARD = ("/refresh", "/authorize", "/finish")
# Deleting a knowledge base takes most of what can be walked to along.
ROUTES = [
    route
    for route in PROTECTED
    if str(route) != "DELETE /v1/knowledge-bases/{knowledge_base_id}"
    and route.path not in LAZY | ENDLESS | OF_ANY_NAME
    and not route.path.endswith(OUTWARD)
    and set(route.id_names) <= {*ID_NAMES, "scheme"}
]
# Every tenant has these by the same ids.
OF_ALL = {str(default_assistant_id(AGENT))}


class Walker:
    """A tenant whose words all contain `marker`, with the ids it was given."""

    def __init__(self, person: Person, marker: str, dice: random.Random) -> None:
        self.person = person
        self.marker = marker
        self.dice = dice
        self.ids: defaultdict[str, list[str]] = defaultdict(list)

    def step(self, route: Route, ids: dict[str, str]) -> httpx.Response:
        request = request_of(route, f"{self.marker} {self.dice.getrandbits(32)}")
        if route.path == "/v1/chat" and ids:
            request["json"] |= {"thread_id": ids["thread_id"], "knowledge_base_ids": [ids["knowledge_base_id"]]}
        scheme = next((own for part, own in SCHEMES.items() if f"/{part}/" in route.path), "")
        answer = self.person.http.request(route.method, route.path_with(ids | {"scheme": scheme}), **request)
        if answer.headers.get("Content-Type") == "application/json" and answer.content:
            for name, value in _ids_in(answer.json()):
                self.ids[name].append(value)
        return answer


def _ids_in(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield from (
            (name, value[name])
            for name in ID_NAMES
            if name.endswith("_id") and isinstance(value.get(name), str) and value[name] not in OF_ALL
        )
        yield from ((named, value["name"]) for field, named in NAMED.items() if {field, "name"} <= value.keys())
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _ids_in(item)


def test_another_tenant_s_ids_open_nothing_and_its_words_are_never_seen(new_person: NewPerson) -> None:
    dice = random.Random(1)
    one, two = (Walker(new_person(), marker, dice) for marker in ("zebrafinch", "quicksilver"))
    for walker in (one, two):
        furnish(walker)
    for step in range(STEPS):
        me, other = dice.sample((one, two), 2)
        trespass = step % 2 == 1
        route = dice.choice([route for route in ROUTES if _names(route)] if trespass else ROUTES)
        foreign = dice.choice(_names(route)) if trespass else None
        ids = {name: dice.choice((other if name == foreign else me).ids[name]) for name in _names(route)}
        answer = me.step(route, ids)
        assert other.marker not in answer.text, str(route)
        if trespass:
            assert answer.status_code == 404, str(route)
        else:
            # One's own may have been deleted on the way, or be busy.
            assert answer.is_success or answer.status_code in (404, 409), str(route)


def _names(route: Route) -> list[str]:
    """The ids that a request to `route` carries."""
    if route.path == "/v1/chat":
        return ["thread_id", "knowledge_base_id"]
    return [name for name in route.id_names if name != "scheme"]


def furnish(walker: Walker) -> None:
    """One of everything."""
    for route in ROUTES:
        # There may be nothing to cancel any more.
        if route.method == "POST" and set(route.id_names) <= {"knowledge_base_id"} and route.path != "/runs/cancel":
            assert walker.step(route, {name: walker.ids[name][-1] for name in route.id_names}).is_success, str(route)
    grant = next(route for route in ROUTES if str(route) == "POST /v1/tools/{name}/grants")
    assert walker.step(grant, {"name": walker.ids["name"][-1]}).is_success
    assert set(ID_NAMES) == set(walker.ids)

"""Assistants as rows of a tenant: versions, defaults that nobody changes, and pages of what was looked for."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from langchain_core.language_models import FakeListChatModel
from langgraph.graph import StateGraph
from typing_extensions import TypedDict

from agents.assistants import assistants
from agents.assistants import search as assistant_search
from agents.assistants.assistants import Change
from agents.assistants.search import Filter
from agents.threads import threads
from core.db import Connection, Database
from core.errors import ClientError, Conflict, Forbidden, NotFound
from core.tenancy import TenantContext
from graphs.catalog.catalog import AGENT, Catalog, default_assistant_id
from graphs.catalog.loading import OwnGraph
from graphs.chat import chat_graph
from retrieval.retriever import Retriever
from tests.factories import add_tenant
from tests.until import until
from tools.toolbox import Toolbox

DEFAULTS = [default_assistant_id(AGENT), default_assistant_id("echo")]


class State(TypedDict):
    text: str


def serving(*graph_ids: str, description: str | None = None) -> Catalog:
    graph = StateGraph(State).add_node("echo", lambda state: state).set_entry_point("echo").compile(name="Echo")
    agent = chat_graph(cast(Retriever, None), FakeListChatModel(responses=[""]), cast(Toolbox, None))
    return Catalog(agent, {graph_id: OwnGraph(graph, description) for graph_id in graph_ids})


@pytest.fixture
def catalog() -> Catalog:
    return serving("echo")


@pytest.fixture
async def connection(database: Database, acme: TenantContext) -> AsyncIterator[Connection]:
    """In acme's door."""
    async with database.tenant_transaction(acme) as opened:
        yield opened


async def test_an_assistant_is_what_it_was_made_of(
    connection: Connection, acme: TenantContext, catalog: Catalog
) -> None:
    wanted = Change("echo", "Ada", "Repeats.", {"tags": ["a"]}, {"tone": "dry"}, {"team": "lamps"})
    made = await assistants.create(connection, acme, catalog, wanted, assistant_id=uuid4())
    assert (made.graph_id, made.name, made.description, made.metadata, made.version) == (
        "echo", "Ada", "Repeats.", {"team": "lamps"}, 1,
    )  # fmt: skip
    assert await assistants.get(connection, acme, catalog, made.assistant_id) == made
    assert await assistants.resolve(connection, acme, catalog, str(made.assistant_id)) == made
    assert (await assistants.create(connection, acme, catalog, Change("echo"))).name == "Untitled"


@pytest.mark.parametrize(
    ("sent", "tags"),
    [
        (Change("echo", context={"tone": "dry"}), {}),
        (Change("echo", config={"tags": ["a"], "configurable": {"tone": "dry"}}), {"tags": ["a"]}),
    ],
)
async def test_context_and_configurable_say_the_same(
    connection: Connection, acme: TenantContext, catalog: Catalog, sent: Change, tags: dict[str, Any]
) -> None:
    made = await assistants.create(connection, acme, catalog, sent)
    assert (made.context, made.config) == ({"tone": "dry"}, {**tags, "configurable": {"tone": "dry"}})


async def test_context_and_configurable_at_once_are_refused(
    connection: Connection, acme: TenantContext, catalog: Catalog
) -> None:
    with pytest.raises(ClientError, match="not both"):
        await assistants.create(
            connection, acme, catalog, Change("echo", config={"configurable": {"a": 1}}, context={"b": 2})
        )


async def test_an_id_that_is_taken_is_refused_or_given_back(
    connection: Connection, acme: TenantContext, catalog: Catalog
) -> None:
    made = await assistants.create(connection, acme, catalog, Change("echo", "first"))
    again = Change("echo", "second")
    with pytest.raises(Conflict, match=str(made.assistant_id)):
        await assistants.create(connection, acme, catalog, again, assistant_id=made.assistant_id)
    kept = await assistants.create(
        connection, acme, catalog, again, assistant_id=made.assistant_id, if_exists="do_nothing"
    )
    assert kept == made
    with pytest.raises(Conflict):
        await assistants.create(connection, acme, catalog, again, assistant_id=DEFAULTS[0])


async def test_every_change_is_a_version_and_each_can_be_gone_back_to(
    connection: Connection, acme: TenantContext, catalog: Catalog
) -> None:
    first = await assistants.create(
        connection, acme, catalog, Change("echo", "Ada", None, {"tags": ["a"]}, None, {"a": 1})
    )
    changed = Change(AGENT, "Bea", "New.", None, {"tone": "dry"}, {"b": 2})
    second = await assistants.update(connection, acme, catalog, first.assistant_id, changed)
    assert (second.version, second.graph_id, second.metadata) == (2, AGENT, {"a": 1, "b": 2})

    back = await assistants.set_latest(connection, acme, catalog, first.assistant_id, 1)
    assert back == replace(first, updated_at=back.updated_at)
    third = await assistants.update(connection, acme, catalog, first.assistant_id, Change(name="Cleo"))
    assert (third.version, third.graph_id, third.config) == (3, "echo", {"tags": ["a"]})

    kept = await assistants.versions(connection, acme, catalog, first.assistant_id)
    assert [(each.version, each.name) for each in kept] == [(3, "Cleo"), (2, "Bea"), (1, "Ada")]
    found = await assistants.versions(connection, acme, catalog, first.assistant_id, metadata={"b": 2}, limit=1)
    assert [each.version for each in found] == [2]
    with pytest.raises(NotFound):
        await assistants.set_latest(connection, acme, catalog, first.assistant_id, 4)


async def test_every_graph_has_a_default_assistant_by_its_own_id_in_every_tenant(
    database: Database, acme: TenantContext, globex: TenantContext, catalog: Catalog
) -> None:
    for ctx in (acme, globex):
        async with database.tenant_transaction(ctx) as connection:
            by_graph = await assistants.resolve(connection, ctx, catalog, "echo")
            assert await assistants.get(connection, ctx, catalog, DEFAULTS[1]) == by_graph
            assert (by_graph.assistant_id, by_graph.name) == (DEFAULTS[1], "Echo")
            assert by_graph.metadata == {"created_by": "system"}
            assert await assistants.versions(connection, ctx, catalog, DEFAULTS[1]) == [by_graph]
            assert await assistant_search.count(connection, ctx, catalog, Filter()) == 2


async def test_default_assistants_follow_the_catalog(connection: Connection, acme: TenantContext) -> None:
    assert await ids(connection, acme, serving()) == set(DEFAULTS[:1])
    assert await ids(connection, acme, serving("echo")) == set(DEFAULTS)
    said = await assistant_search.search(connection, acme, serving("echo", description="New."), Filter("echo"))
    assert [(each.description, each.version) for each in said] == [("New.", 1)]
    # The rows stay for when the graph is served again.
    assert await ids(connection, acme, serving()) == set(DEFAULTS[:1])
    with pytest.raises(NotFound):
        await assistants.get(connection, acme, serving(), DEFAULTS[1])


async def ids(connection: Connection, ctx: TenantContext, catalog: Catalog) -> set[UUID]:
    return {each.assistant_id for each in await assistant_search.search(connection, ctx, catalog, Filter())}


async def test_nobody_changes_a_default_assistant(
    connection: Connection, acme: TenantContext, catalog: Catalog
) -> None:
    with pytest.raises(Forbidden, match="default"):
        await assistants.update(connection, acme, catalog, DEFAULTS[0], Change(name="Mine"))
    with pytest.raises(Forbidden, match="default"):
        await assistants.set_latest(connection, acme, catalog, DEFAULTS[0], 1)
    with pytest.raises(Forbidden, match="default"):
        await assistants.delete(connection, acme, catalog, DEFAULTS[0])


@pytest.mark.parametrize("named", ["00000000-0000-4000-8000-000000000000", "nobody", "", "\x00", "echo2"])
async def test_what_names_no_assistant_is_not_found(
    connection: Connection, acme: TenantContext, catalog: Catalog, named: str
) -> None:
    with pytest.raises(NotFound, match="assistant"):
        await assistants.resolve(connection, acme, catalog, named)


async def test_graphs_that_are_not_served_are_not_found(
    connection: Connection, acme: TenantContext, catalog: Catalog
) -> None:
    made = await assistants.create(connection, acme, catalog, Change("echo"))
    with pytest.raises(NotFound, match="graph"):
        await assistants.create(connection, acme, catalog, Change("missing"))
    with pytest.raises(NotFound, match="graph"):
        await assistants.update(connection, acme, catalog, made.assistant_id, Change("missing"))
    with pytest.raises(NotFound, match="graph"):
        await assistant_search.search(connection, acme, catalog, Filter("missing"))


async def test_search_filters_sorts_and_pages(connection: Connection, acme: TenantContext, catalog: Catalog) -> None:
    labels: dict[str, dict[str, Any]] = {"beta 100%": {"n": {"x": 1}, "y": 1}, "Alpha": {}, "gamma_": {"n": 1}}
    for name, metadata in labels.items():
        await assistants.create(connection, acme, catalog, Change("echo", name, metadata=metadata))

    async def names(wanted: Filter = Filter("echo"), **options: Any) -> list[str]:  # noqa: B008
        found = await assistant_search.search(connection, acme, catalog, wanted, **options)
        return [each.name for each in found]

    assert await names(sort_by="name", sort_order="asc") == ["Alpha", "beta 100%", "Echo", "gamma_"]
    assert await names(sort_by="name", limit=2, offset=1) == ["Echo", "beta 100%"]
    assert await names(Filter(name="ALPH")) == ["Alpha"]
    assert await names(Filter(name="0%")) == ["beta 100%"]
    assert await names(Filter(name="_")) == ["gamma_"]
    assert await names(Filter(metadata={"n": {"x": 1}})) == ["beta 100%"]
    assert await names(Filter(AGENT)) == [AGENT]
    assert await assistant_search.count(connection, acme, catalog, Filter("echo")) == 4
    assert await assistant_search.count(connection, acme, catalog, Filter(metadata={"n": 1})) == 1


async def test_another_tenants_assistant_is_as_if_it_did_not_exist(
    database: Database, acme: TenantContext, globex: TenantContext, catalog: Catalog
) -> None:
    async with database.tenant_transaction(acme) as connection:
        ours = (await assistants.create(connection, acme, catalog, Change("echo", "Ada"))).assistant_id
    async with database.tenant_transaction(globex) as connection:
        for attempt in (
            assistants.get(connection, globex, catalog, ours),
            assistants.update(connection, globex, catalog, ours, Change(name="Eve")),
            assistants.set_latest(connection, globex, catalog, ours, 1),
            assistants.versions(connection, globex, catalog, ours),
            assistants.delete(connection, globex, catalog, ours),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert await ids(connection, globex, catalog) == set(DEFAULTS)
        theirs = await assistants.create(connection, globex, catalog, Change("echo", "Eve"), assistant_id=ours)
        assert theirs.name == "Eve"
    async with database.tenant_transaction(acme) as connection:
        assert (await assistants.get(connection, acme, catalog, ours)).name == "Ada"


async def test_an_assistant_goes_with_its_versions_and_if_asked_with_its_threads(
    connection: Connection, acme: TenantContext, catalog: Catalog
) -> None:
    made = (await assistants.create(connection, acme, catalog, Change("echo"))).assistant_id
    its_own = await threads.create(connection, acme, metadata={"assistant_id": str(made)})
    other = await threads.create(connection, acme, metadata={"assistant_id": str(DEFAULTS[1])})
    await assistants.delete(connection, acme, catalog, made, delete_threads=True)
    with pytest.raises(NotFound):
        await assistants.get(connection, acme, catalog, made)
    with pytest.raises(NotFound):
        await threads.get(connection, acme, its_own.thread_id)
    assert await threads.get(connection, acme, other.thread_id)
    left = await connection.execute("SELECT FROM assistant_versions WHERE assistant_id = %s", (made,))
    assert left.rowcount == 0


async def test_default_assistants_wanted_by_two_at_once_are_made_once(database: Database, catalog: Catalog) -> None:
    ctx = await add_tenant(database, "initech")

    async def resolve() -> UUID:
        async with database.tenant_transaction(ctx) as connection:
            return (await assistants.resolve(connection, ctx, catalog, "echo")).assistant_id

    async def one_waits() -> bool:
        async with database.untenanted_connection() as connection:
            return (await connection.execute("SELECT FROM pg_locks WHERE NOT granted")).rowcount > 0

    async with database.tenant_transaction(ctx) as first:
        await assistants.resolve(first, ctx, catalog, "echo")
        second = asyncio.create_task(resolve())
        await until(one_waits)
    assert await second == DEFAULTS[1]

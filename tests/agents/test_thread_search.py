"""Threads are found by what they contain, in the order that was asked for, and only those that the caller reaches."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from agents.threads import search as thread_search
from agents.threads import threads
from agents.threads.search import Wanted
from core.db import Database
from core.errors import Invalid
from core.tenancy import Role, TenantContext


async def made(database: Database, ctx: TenantContext, values: dict[str, Any] | None = None, **metadata: Any) -> UUID:
    async with database.tenant_transaction(ctx) as connection:
        thread = await threads.create(connection, ctx, metadata=metadata)
        await connection.execute(
            "UPDATE threads SET values = %s WHERE tenant_id = %s AND thread_id = %s",
            (None if values is None else Jsonb(values), ctx.tenant_id, thread.thread_id),
        )
    return thread.thread_id


async def found(database: Database, ctx: TenantContext, wanted: Wanted | None = None, **options: Any) -> list[UUID]:
    async with database.tenant_transaction(ctx) as connection:
        rows, _ = await thread_search.search(connection, ctx, wanted or Wanted(), **options)
    return [row["thread_id"] for row in rows]


async def test_metadata_and_values_are_contained(database: Database, acme: TenantContext) -> None:
    green = await made(database, acme, {"city": {"name": "Bergen", "rain": True}}, color="green", size=1)
    await made(database, acme, {"city": {"name": "Oslo"}}, color="red", size=1)
    assert await found(database, acme, Wanted(metadata={"color": "green"})) == [green]
    assert await found(database, acme, Wanted(values={"city": {"name": "Bergen"}})) == [green]
    assert await found(database, acme, Wanted(metadata={"size": 1}, values={"city": {"rain": False}})) == []
    async with database.tenant_transaction(acme) as connection:
        assert await thread_search.count(connection, acme, Wanted(metadata={"size": 1})) == 2


async def test_ids_and_status_narrow_the_search(database: Database, acme: TenantContext) -> None:
    one, other = await made(database, acme), await made(database, acme)
    assert await found(database, acme, Wanted(ids=(other, uuid4()))) == [other]
    assert await found(database, acme, Wanted(ids=())) == []
    assert await found(database, acme, Wanted(status="busy")) == []
    assert set(await found(database, acme, Wanted(status="idle"))) == {one, other}


async def test_pages_follow_each_other_without_gap_or_repetition(database: Database, acme: TenantContext) -> None:
    made_in_order = [await made(database, acme) for _ in range(5)]
    pages: list[UUID] = []
    async with database.tenant_transaction(acme) as connection:
        for offset in range(0, 6, 2):
            rows, more = await thread_search.search(
                connection, acme, Wanted(), limit=2, offset=offset, sort_by="created_at", ascending=True
            )
            pages += [row["thread_id"] for row in rows]
            assert more is (offset < 4)
    assert pages == made_in_order
    assert await found(database, acme, sort_by="created_at") == made_in_order[::-1]


async def test_only_what_was_selected_comes_and_paths_are_followed(database: Database, acme: TenantContext) -> None:
    await made(database, acme, {"messages": [{"content": "first"}, {"content": "last"}]}, owner={"name": "Ann"})
    async with database.tenant_transaction(acme) as connection:
        rows, _ = await thread_search.search(
            connection,
            acme,
            Wanted(),
            select=("status",),
            extract={
                "last": "values.messages[-1].content",
                "name": "metadata.owner.name",
                "none": "values.messages[7].content",
                "all": "config",
            },
        )
    extracted: dict[str, Any] = {"last": "last", "name": "Ann", "none": None, "all": {}}
    assert rows == [{"status": "idle", "extracted": extracted}]


@pytest.mark.parametrize(
    "path", ["", "title", "tenant_id", "values..x", "values[x]", "values.a]", "values;", "valuesx"]
)
async def test_a_path_that_leads_nowhere_is_refused(database: Database, acme: TenantContext, path: str) -> None:
    with pytest.raises(Invalid):
        await found(database, acme, extract={"x": path})


async def test_a_member_finds_their_own_an_admin_the_tenants_and_another_tenant_nothing(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    thread_id = await made(database, acme, color="green")
    wanted = Wanted(metadata={"color": "green"})
    for role, reached in ((Role.ADMIN, [thread_id]), (Role.MEMBER, []), (Role.VIEWER, [])):
        assert await found(database, replace(acme, user_id=uuid4(), role=role), wanted) == reached
    assert await found(database, replace(acme, role=Role.VIEWER), wanted) == [thread_id]
    assert await found(database, globex, wanted) == []
    assert await found(database, globex, Wanted(ids=(thread_id,))) == []

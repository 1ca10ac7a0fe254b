"""Servers as rows: each tenant's own, and nothing changes when something is refused."""

from collections.abc import Sequence

import pytest

from core.db import Database
from core.errors import AtriumError, Conflict, Invalid, NotFound
from core.paging import START, Cursor
from core.tenancy import TenantContext
from tools.credentials.schemes import Bearer, Scheme
from tools.mcp import servers

URL = "https://example.com/mcp"


async def test_a_server_is_created_shown_changed_and_deleted(database: Database, acme: TenantContext) -> None:
    async with database.tenant_transaction(acme) as connection:
        created = await servers.create(connection, acme, "crm", URL, [Bearer(id="token", per_user=True)])
        assert (created.name, created.url, created.protocol) == ("crm", URL, None)
        assert created.credential_owner == "source:crm"
        assert await servers.get(connection, acme, "crm") == created
        changed = await servers.update(connection, acme, "crm", security=[])
        assert (changed.url, changed.security) == (URL, ())
        changed = await servers.update(connection, acme, "crm", url=f"{URL}/2")
        assert (changed.url, changed.security) == (f"{URL}/2", ())
        await servers.delete(connection, acme, "crm")
        for missing in (servers.get(connection, acme, "crm"), servers.delete(connection, acme, "crm")):
            with pytest.raises(NotFound):
                await missing
        with pytest.raises(NotFound):
            await servers.update(connection, acme, "crm", url=URL)


async def test_a_name_that_is_taken_changes_nothing(database: Database, acme: TenantContext) -> None:
    async with database.tenant_transaction(acme) as connection:
        created = await servers.create(connection, acme, "crm", URL)
        with pytest.raises(Conflict) as conflict:
            await servers.create(connection, acme, "crm", "https://example.com/other")
        assert conflict.value.code == "name_taken"
        assert await servers.get(connection, acme, "crm") == created


async def test_an_import_and_a_server_share_no_name(database: Database, acme: TenantContext) -> None:
    async with database.tenant_transaction(acme) as connection:
        await connection.execute(
            "INSERT INTO tool_imports (tenant_id, name, title, created_by) VALUES (%s, 'crm', 'CRM', %s)",
            (acme.tenant_id, acme.user_id),
        )
        with pytest.raises(Conflict) as conflict:
            await servers.create(connection, acme, "crm", URL)
        assert conflict.value.code == "name_taken"


async def test_a_tenant_has_a_bounded_number_of_servers(
    database: Database, acme: TenantContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "MOST_PER_TENANT", 1)
    async with database.tenant_transaction(acme) as connection:
        await servers.create(connection, acme, "one", URL)
        with pytest.raises(Conflict) as conflict:
            await servers.create(connection, acme, "two", URL)
    assert conflict.value.code == "too_many_servers"


@pytest.mark.parametrize(
    ("name", "security"),
    [("", []), ("a b", []), ("x" * 65, []), ("crm\n", []), ("crm", [Bearer(id="a"), Bearer(id="a")])],
)
async def test_what_cannot_be_a_server_is_refused(
    database: Database, acme: TenantContext, name: str, security: Sequence[Scheme]
) -> None:
    async with database.tenant_transaction(acme) as connection:
        with pytest.raises(Invalid):
            await servers.create(connection, acme, name, URL, security)


async def test_servers_are_listed_page_by_page(database: Database, acme: TenantContext) -> None:
    for name in ("one", "two", "three"):
        async with database.tenant_transaction(acme) as connection:
            await servers.create(connection, acme, name, URL)
    async with database.tenant_transaction(acme) as connection:
        first = await servers.list_page(connection, acme, cursor=START, limit=2)
        second = await servers.list_page(connection, acme, cursor=Cursor.decode(first.next_cursor), limit=2)
    assert [[item.name for item in page.items] for page in (first, second)] == [["three", "two"], ["one"]]
    assert second.next_cursor is None


async def test_another_tenants_server_is_not_found(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    async with database.tenant_transaction(acme) as connection:
        await servers.create(connection, acme, "crm", URL)
    async with database.tenant_transaction(globex) as connection:
        for asked in (
            servers.get(connection, globex, "crm"),
            servers.update(connection, globex, "crm", url=URL),
            servers.delete(connection, globex, "crm"),
        ):
            with pytest.raises(AtriumError) as refused:
                await asked
            assert isinstance(refused.value, NotFound)
        assert (await servers.list_page(connection, globex, cursor=START, limit=10)).items == ()
        await servers.create(connection, globex, "crm", URL)

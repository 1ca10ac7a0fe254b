from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from core.db import Database
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from core.tenancy import Role, TenantContext
from tenants import api_keys


async def refusal_code(database: Database, secret: str) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        await api_keys.authenticate(database, secret)
    return refusal.value.code


async def set_role(database: Database, ctx: TenantContext, role: Role) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute("UPDATE memberships SET role = %s WHERE user_id = %s", (role, ctx.user_id))


async def test_a_key_acts_as_who_made_it(database: Database, acme: TenantContext, globex: TenantContext) -> None:
    _, ours = await api_keys.create(database, acme, name="ci")
    _, theirs = await api_keys.create(database, globex, name="ci")
    assert await api_keys.authenticate(database, ours) == acme
    assert await api_keys.authenticate(database, theirs) == globex


async def test_the_secret_is_shown_once_and_not_stored(database: Database, acme: TenantContext) -> None:
    made, secret = await api_keys.create(database, acme, name="ci")
    assert secret.startswith("atr_")
    assert secret.startswith(made.prefix)
    assert len(made.prefix) == 10
    assert await api_keys.list_all(database, acme) == [made]
    async with database.tenant_transaction(acme) as connection:
        row = await (await connection.execute("SELECT api_keys::text AS all FROM api_keys")).fetchone()
    assert row is not None
    for form in (secret, secret.encode().hex()):
        assert form not in row["all"]


async def test_a_key_has_at_most_its_makers_role(database: Database, acme: TenantContext) -> None:
    admin = replace(acme, role=Role.ADMIN)
    with pytest.raises(Forbidden):
        await api_keys.create(database, admin, name="too much", role=Role.OWNER)
    made, secret = await api_keys.create(database, admin, name="less", role=Role.VIEWER)
    assert made.role is Role.VIEWER
    assert (await api_keys.authenticate(database, secret)).role is Role.VIEWER


async def test_a_key_loses_what_its_maker_loses_and_gains_nothing(database: Database, acme: TenantContext) -> None:
    _, secret = await api_keys.create(database, acme, name="ci", role=Role.MEMBER)
    await set_role(database, acme, Role.VIEWER)
    assert (await api_keys.authenticate(database, secret)).role is Role.VIEWER
    await set_role(database, acme, Role.OWNER)
    assert (await api_keys.authenticate(database, secret)).role is Role.MEMBER


async def test_a_key_goes_with_its_makers_membership(database: Database, acme: TenantContext) -> None:
    _, secret = await api_keys.create(database, acme, name="ci")
    async with database.tenant_transaction(acme) as connection:
        await connection.execute("DELETE FROM memberships WHERE user_id = %s", (acme.user_id,))
    assert await refusal_code(database, secret) == "api_key_invalid"


async def test_an_expired_key_says_so(database: Database, acme: TenantContext) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    _, secret = await api_keys.create(database, acme, name="ci", expires_at=tomorrow)
    assert await api_keys.authenticate(database, secret) == acme
    async with database.tenant_transaction(acme) as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now()")
    assert await refusal_code(database, secret) == "api_key_expired"


@pytest.mark.parametrize("expires_at", [datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1)])
async def test_an_expiry_in_the_past_or_without_a_zone_is_invalid(
    database: Database, acme: TenantContext, expires_at: datetime
) -> None:
    with pytest.raises(Invalid):
        await api_keys.create(database, acme, name="ci", expires_at=expires_at)


@pytest.mark.parametrize("name", ["", "a\x00", "\ud800", "x" * 201])
async def test_a_name_that_cannot_be_stored_is_invalid(database: Database, acme: TenantContext, name: str) -> None:
    with pytest.raises(Invalid):
        await api_keys.create(database, acme, name=name)


async def test_a_deleted_key_stops_working(database: Database, acme: TenantContext) -> None:
    made, secret = await api_keys.create(database, acme, name="ci")
    await api_keys.delete(database, acme, made.api_key_id)
    assert await refusal_code(database, secret) == "api_key_invalid"
    with pytest.raises(NotFound):
        await api_keys.delete(database, acme, made.api_key_id)


async def test_another_tenants_key_is_neither_listed_nor_deleted(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    theirs, secret = await api_keys.create(database, globex, name="theirs")
    assert await api_keys.list_all(database, acme) == []
    refusals = []
    for api_key_id in (theirs.api_key_id, uuid4()):
        with pytest.raises(NotFound) as refusal:
            await api_keys.delete(database, acme, api_key_id)
        refusals.append(refusal.value.detail)
    assert refusals[0] == refusals[1]
    assert await api_keys.authenticate(database, secret) == globex


async def test_a_tenant_has_a_bounded_number_of_keys(
    database: Database, acme: TenantContext, globex: TenantContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MOST_PER_TENANT", 2)
    for name in ("one", "two"):
        await api_keys.create(database, acme, name=name)
    with pytest.raises(Conflict) as refusal:
        await api_keys.create(database, acme, name="three")
    assert refusal.value.code == "too_many_api_keys"
    await api_keys.create(database, globex, name="one")


@pytest.mark.parametrize("secret", ["", "atr_", "atr_" + "x" * 43, "x" * 47, "\ud800" * 47, "x" * 1_000_000])
async def test_garbage_is_invalid(database: Database, acme: TenantContext, secret: str) -> None:
    await api_keys.create(database, acme, name="ci")
    assert await refusal_code(database, secret) == "api_key_invalid"

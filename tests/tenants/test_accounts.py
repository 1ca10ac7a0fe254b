import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from core.db import Database
from core.errors import Conflict, Invalid, Unauthenticated
from core.tenancy import Role, TenantContext
from tenants import accounts
from tenants.accounts import Member
from tenants.permissions import Permission

PASSWORD = "correct horse battery"


async def register(database: Database, tenant_name: str, email: str) -> Member:
    return await accounts.register(database, tenant_name=tenant_name, email=email, password=PASSWORD, name="Ann")


async def join(database: Database, ctx: TenantContext, user: Member, role: Role) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES (%s, %s, %s)",
            (ctx.tenant_id, user.user_id, role),
        )


async def leave(database: Database, ctx: TenantContext) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute("DELETE FROM memberships WHERE user_id = %s", (ctx.user_id,))


async def test_who_registers_owns_the_tenant_and_can_log_in(database: Database) -> None:
    owner = await register(database, "Acme & Co", " Ann@Example.com ")
    assert (owner.role, owner.tenant_slug, owner.email) == (Role.OWNER, "acme-co", "ann@example.com")
    assert await accounts.login(database, "ANN@example.com", PASSWORD) == owner
    assert await accounts.login(database, "ann@example.com", PASSWORD, "acme-co") == owner
    assert await accounts.me(database, owner.ctx) == owner


async def test_an_email_address_registers_once_whatever_its_case(database: Database) -> None:
    await register(database, "Acme", "ann@example.com")
    with pytest.raises(Conflict) as refusal:
        await register(database, "Globex", "Ann@Example.com")
    assert refusal.value.code == "email_taken"


async def test_a_refused_registration_leaves_no_tenant(database: Database) -> None:
    await register(database, "Acme", "ann@example.com")
    with pytest.raises(Conflict):
        await register(database, "Globex", "ann@example.com")
    assert (await register(database, "Globex", "bob@example.com")).tenant_slug == "globex"


async def test_tenants_of_one_name_get_slugs_of_their_own_even_at_once(database: Database) -> None:
    owners = await asyncio.gather(*(register(database, "Acme", f"{n}@example.com") for n in range(4)))
    slugs = {owner.tenant_slug for owner in owners}
    assert "acme" in slugs
    assert len(slugs) == 4


async def test_two_registrations_of_one_email_address_at_once_make_one_account(database: Database) -> None:
    results = await asyncio.gather(
        *(register(database, "Acme", "ann@example.com") for _ in range(2)), return_exceptions=True
    )
    assert {type(result) for result in results} == {Member, Conflict}


async def test_wrong_password_email_and_tenant_are_refused_in_the_same_words(database: Database) -> None:
    await register(database, "Acme", "ann@example.com")
    refusals = set()
    for email, password, tenant in [
        ("ann@example.com", "wrong", None),
        ("bob@example.com", PASSWORD, None),
        ("ann@example.com", PASSWORD, "globex"),
        ("ann@example.com", PASSWORD, "\ud800"),
    ]:
        with pytest.raises(Unauthenticated) as refusal:
            await accounts.login(database, email, password, tenant)
        refusals.add((refusal.value.code, refusal.value.detail))
    assert {code for code, _ in refusals} == {"login_failed"}
    assert len(refusals) == 1


async def test_an_unknown_email_address_costs_a_verification_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str | None] = []

    async def watched(password: str, password_hash: str | None) -> bool:
        verified.append(password_hash)
        return False

    monkeypatch.setattr(accounts, "verify_password", watched)
    with pytest.raises(Unauthenticated):
        await accounts.login(database, "nobody@example.com", PASSWORD)
    assert verified == [None]


async def test_a_member_of_several_tenants_names_one_after_proving_the_password(
    database: Database, globex: TenantContext
) -> None:
    ann = await register(database, "Acme", "ann@example.com")
    await join(database, globex, ann, Role.VIEWER)
    with pytest.raises(Unauthenticated):
        await accounts.login(database, ann.email, "not the password")
    with pytest.raises(Conflict, match="acme, globex") as refusal:
        await accounts.login(database, ann.email, PASSWORD)
    assert refusal.value.code == "tenant_required"
    there = await accounts.login(database, ann.email, PASSWORD, "globex")
    assert (there.tenant_id, there.role) == (globex.tenant_id, Role.VIEWER)


async def test_without_a_membership_the_right_password_is_not_enough(database: Database) -> None:
    ann = await register(database, "Acme", "ann@example.com")
    await leave(database, ann.ctx)
    with pytest.raises(Unauthenticated):
        await accounts.login(database, ann.email, PASSWORD)
    with pytest.raises(Unauthenticated) as refusal:
        await accounts.me(database, ann.ctx)
    assert refusal.value.code == "not_a_member"


async def test_me_shows_the_role_one_acts_in_and_what_it_permits(database: Database) -> None:
    ann = await register(database, "Acme", "ann@example.com")
    shown = await accounts.me(database, replace(ann.ctx, role=Role.VIEWER))
    assert shown.role is Role.VIEWER
    assert Permission.CHAT in shown.permissions
    assert Permission.API_KEYS_MANAGE not in shown.permissions


async def test_me_in_another_tenant_is_nobody(database: Database, globex: TenantContext) -> None:
    ann = await register(database, "Acme", "ann@example.com")
    with pytest.raises(Unauthenticated):
        await accounts.me(database, replace(ann.ctx, tenant_id=globex.tenant_id))


@pytest.mark.parametrize(
    "bad",
    [
        {"tenant_name": "a\x00"},
        {"tenant_name": "\ud800"},
        {"email": "nobody"},
        {"email": "a\x00@example.com"},
        {"password": "short"},
        {"password": "x" * 1_000_000},
        {"password": "1234567890\udfff"},
        {"name": " "},
    ],
)
async def test_what_cannot_be_stored_is_invalid(database: Database, bad: dict[str, str]) -> None:
    good = {"tenant_name": "Acme", "email": "ann@example.com", "password": PASSWORD, "name": "Ann"}
    with pytest.raises(Invalid):
        await accounts.register(database, **(good | bad))


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("a\x00@example.com", PASSWORD),
        ("\ud800@b.c", PASSWORD),
        ("a@b.c", "\ud800"),
        ("a@b.c", "x" * 1_000_000),
    ],
)
async def test_a_login_that_no_account_could_have_is_invalid(database: Database, email: str, password: str) -> None:
    with pytest.raises(Invalid):
        await accounts.login(database, email, password)


async def test_the_password_is_stored_only_as_its_hash(database: Database) -> None:
    ann = await register(database, "Acme", f"{uuid4().hex}@example.com")
    async with database.auth_transaction() as connection:
        cursor = await connection.execute("SELECT * FROM users WHERE user_id = %s", (ann.user_id,))
        row = await cursor.fetchone()
    assert row is not None
    assert row["password_hash"].startswith("$argon2id$")
    assert PASSWORD not in str(row)
    assert PASSWORD not in repr(ann)

import os
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from core.db import Database
from core.errors import TooLarge
from core.tenancy import TenantContext
from tenants.vault import MOST_BYTES, Stored, Vault, VaultUnusable
from tenants.vault_keys import KEY_BYTES, DeploymentKeys
from tenants.vault_rotation import rewrap_all

OWNER = "tool:weather"
SECRET = {"api_key": "canary-5f1c"}
OLD, NEW = os.urandom(KEY_BYTES), os.urandom(KEY_BYTES)
VAULT = Vault(DeploymentKeys([OLD]))


async def put(
    database: Database,
    ctx: TenantContext,
    secret: dict[str, str],
    *,
    user_id: UUID | None = None,
    vault: Vault = VAULT,
) -> int:
    async with database.tenant_transaction(ctx) as connection:
        return await vault.put(connection, ctx, OWNER, "key", secret, user_id=user_id)


async def get(
    database: Database, ctx: TenantContext, *, user_id: UUID | None = None, vault: Vault = VAULT
) -> Stored | None:
    async with database.tenant_transaction(ctx) as connection:
        return await vault.get(connection, ctx, OWNER, "key", user_id=user_id)


def as_superuser(owner_url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Whoever gets at the tables themselves; no policy stops them."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        done = connection.execute(statement.encode(), values)
        return done.fetchall() if done.description else []


async def test_what_was_put_is_got_and_each_put_is_a_new_version(database: Database, acme: TenantContext) -> None:
    assert await get(database, acme) is None
    assert await put(database, acme, SECRET) == 1
    assert await put(database, acme, {"api_key": "second"}) == 2
    stored = await get(database, acme)
    assert stored is not None
    assert (stored.secret, stored.version) == ({"api_key": "second"}, 2)


async def test_a_members_secret_is_not_the_tenants_nor_another_members(
    database: Database, acme: TenantContext
) -> None:
    await put(database, acme, SECRET, user_id=acme.user_id)
    assert await get(database, acme) is None
    assert await get(database, acme, user_id=uuid4()) is None
    assert await get(database, acme, user_id=acme.user_id) is not None


async def test_another_tenant_has_none_of_it(database: Database, acme: TenantContext, globex: TenantContext) -> None:
    await put(database, acme, SECRET)
    assert await get(database, globex) is None
    await put(database, globex, {"api_key": "theirs"})
    stored = await get(database, acme)
    assert stored is not None
    assert stored.secret == SECRET


@pytest.mark.parametrize("column", ["owner", "scheme", "user_id", "version", "ciphertext"])
async def test_a_row_that_is_changed_behind_our_back_does_not_decrypt(
    database: Database, acme: TenantContext, owner_url: str, column: str
) -> None:
    user_id = uuid4()
    moved: dict[str, Any] = {"owner": "tool:other", "scheme": "other", "user_id": user_id, "version": 7}
    place: dict[str, Any] = {"owner": OWNER, "scheme": "key", "user_id": None}
    await put(database, acme, SECRET)
    if column == "ciphertext":
        as_superuser(
            owner_url,
            "UPDATE vault_secrets SET ciphertext = set_byte(ciphertext, 20, get_byte(ciphertext, 20) # 1)",
        )
    else:
        as_superuser(owner_url, f"UPDATE vault_secrets SET {column} = %s", moved[column])
    place |= {name: value for name, value in moved.items() if name == column and name in place}
    async with database.tenant_transaction(acme) as connection:
        with pytest.raises(VaultUnusable) as refused:
            await VAULT.get(connection, acme, **place)
    assert "canary" not in refused.value.detail


async def test_a_row_moved_to_another_tenant_does_not_decrypt_even_with_its_key(
    database: Database, acme: TenantContext, globex: TenantContext, owner_url: str
) -> None:
    await put(database, acme, SECRET)
    as_superuser(owner_url, "UPDATE vault_secrets SET tenant_id = %s", globex.tenant_id)
    as_superuser(owner_url, "UPDATE vault_keys SET tenant_id = %s", globex.tenant_id)
    with pytest.raises(VaultUnusable):
        await get(database, globex)


async def test_an_older_version_cannot_be_put_back(database: Database, acme: TenantContext, owner_url: str) -> None:
    await put(database, acme, SECRET)
    ((old,),) = as_superuser(owner_url, "SELECT ciphertext FROM vault_secrets")
    await put(database, acme, {"api_key": "second"})
    as_superuser(owner_url, "UPDATE vault_secrets SET ciphertext = %s", old)
    with pytest.raises(VaultUnusable):
        await get(database, acme)


async def test_every_tenant_has_a_key_of_its_own(
    database: Database, acme: TenantContext, globex: TenantContext, owner_url: str
) -> None:
    for ctx in (acme, globex):
        await put(database, ctx, SECRET)
    keys = DeploymentKeys([OLD])
    rows = as_superuser(owner_url, "SELECT tenant_id, wrapped FROM vault_keys")
    opened = {keys.unseal(bytes(wrapped), f'["tenant key", "{ctx}"]'.encode()) for ctx, wrapped in rows}
    assert len(opened) == 2
    assert None not in opened


async def test_a_key_whose_transaction_failed_encrypts_nothing(database: Database, acme: TenantContext) -> None:
    class Failed(Exception):
        pass

    with pytest.raises(Failed):
        async with database.tenant_transaction(acme) as connection:
            await VAULT.put(connection, acme, OWNER, "key", SECRET, user_id=None)
            raise Failed
    assert await put(database, acme, SECRET) == 1
    assert await get(database, acme) is not None


async def test_with_another_deployment_key_nothing_opens_and_nothing_is_overwritten(
    database: Database, acme: TenantContext
) -> None:
    await put(database, acme, SECRET)
    other = Vault(DeploymentKeys([NEW]))
    with pytest.raises(VaultUnusable, match="operator"):
        await get(database, acme, vault=other)
    with pytest.raises(VaultUnusable, match="operator"):
        await put(database, acme, {"api_key": "second"}, vault=other)
    assert await get(database, acme) is not None


async def test_a_tenants_key_is_wrapped_anew_when_it_is_used(database: Database, acme: TenantContext) -> None:
    await put(database, acme, SECRET)
    assert await get(database, acme, vault=Vault(DeploymentKeys([NEW, OLD]))) is not None
    assert await get(database, acme, vault=Vault(DeploymentKeys([NEW]))) is not None
    with pytest.raises(VaultUnusable):
        await get(database, acme)


async def test_rotation_wraps_every_tenants_key_anew_once(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    for ctx in (acme, globex):
        await put(database, ctx, SECRET)
    both = Vault(DeploymentKeys([NEW, OLD]))
    assert await rewrap_all(database, both) == 2
    assert await rewrap_all(database, both) == 0
    for ctx in (acme, globex):
        assert await get(database, ctx, vault=Vault(DeploymentKeys([NEW]))) is not None


async def test_without_a_key_the_vault_says_which_setting_is_missing(database: Database, acme: TenantContext) -> None:
    closed = Vault(None)
    with pytest.raises(VaultUnusable, match="ATRIUM_VAULT_KEYS_FILE"):
        await put(database, acme, SECRET, vault=closed)
    await put(database, acme, SECRET)
    with pytest.raises(VaultUnusable, match="ATRIUM_VAULT_KEYS_FILE"):
        await get(database, acme, vault=closed)


async def test_a_secret_may_have_sixteen_kilobytes(database: Database, acme: TenantContext) -> None:
    around = len('{"api_key": ""}')
    await put(database, acme, {"api_key": "x" * (MOST_BYTES - around)})
    with pytest.raises(TooLarge):
        await put(database, acme, {"api_key": "x" * (MOST_BYTES - around + 1)})


async def test_what_is_listed_says_who_and_when_and_never_what(database: Database, acme: TenantContext) -> None:
    member = replace(acme, user_id=uuid4())
    await put(database, acme, SECRET)
    await put(database, member, SECRET, user_id=member.user_id)
    async with database.tenant_transaction(acme) as connection:
        listed = await VAULT.listed(connection, acme, OWNER)
        own = await VAULT.listed_of_user(connection, member)
    assert [(one.scheme, one.user_id, one.version, one.updated_by) for one in listed] == [
        ("key", None, 1, acme.user_id),
        ("key", member.user_id, 1, member.user_id),
    ]
    assert own == listed[1:]
    assert "canary" not in repr(listed)


async def test_a_forgotten_owner_leaves_nothing_and_others_stay(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    await put(database, acme, SECRET)
    await put(database, acme, SECRET, user_id=acme.user_id)
    await put(database, globex, SECRET)
    async with database.tenant_transaction(acme) as connection:
        await VAULT.put(connection, acme, "tool:other", "key", SECRET, user_id=None)
        await VAULT.forget_owner(connection, acme, OWNER)
        assert await VAULT.listed(connection, acme, OWNER) == []
        assert len(await VAULT.listed(connection, acme, "tool:other")) == 1
        assert await VAULT.delete(connection, acme, "tool:other", "key", user_id=None)
        assert not await VAULT.delete(connection, acme, "tool:other", "key", user_id=None)
    assert await get(database, globex) is not None


async def test_no_secret_is_in_a_row_or_a_repr(database: Database, acme: TenantContext, owner_url: str) -> None:
    await put(database, acme, SECRET)
    rows = as_superuser(owner_url, "SELECT s::text, encode(ciphertext, 'escape') FROM vault_secrets s")
    assert len(rows) == 1
    assert "canary" not in str(rows)
    assert "canary" not in repr(await get(database, acme))
    assert repr(OLD) not in repr(VAULT) + repr(VAULT.keys) + str(vars(VAULT))

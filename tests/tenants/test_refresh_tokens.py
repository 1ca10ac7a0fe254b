import asyncio
from dataclasses import replace

import pytest

from core.db import Database
from core.errors import Unauthenticated
from core.tenancy import Role, TenantContext
from tenants import refresh_tokens

MONTH = 30 * 86400


async def issue(database: Database, ctx: TenantContext) -> str:
    return await refresh_tokens.issue(database, ctx, lifetime_seconds=MONTH)


async def rotate(database: Database, token: str) -> tuple[TenantContext, str]:
    return await refresh_tokens.rotate(database, token, lifetime_seconds=MONTH)


async def refusal_code(database: Database, token: str) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        await rotate(database, token)
    return refusal.value.code


async def count(database: Database, ctx: TenantContext) -> int:
    async with database.tenant_transaction(ctx) as connection:
        row = await (await connection.execute("SELECT count(*) AS n FROM refresh_tokens")).fetchone()
    assert row is not None
    return int(row["n"])


async def test_each_token_is_good_for_the_next(database: Database, acme: TenantContext) -> None:
    ctx, second = await rotate(database, await issue(database, acme))
    assert ctx == acme
    ctx, third = await rotate(database, second)
    assert ctx == acme
    assert third != second


async def test_a_used_token_revokes_its_family(database: Database, acme: TenantContext) -> None:
    first = await issue(database, acme)
    _, second = await rotate(database, first)
    assert await refusal_code(database, first) == "token_reused"
    assert await refusal_code(database, second) == "token_invalid"


async def test_reuse_leaves_other_logins_and_tenants_alone(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    stolen, elsewhere, theirs = [await issue(database, ctx) for ctx in (acme, acme, globex)]
    await rotate(database, stolen)
    assert await refusal_code(database, stolen) == "token_reused"
    assert (await rotate(database, elsewhere))[0] == acme
    assert (await rotate(database, theirs))[0] == globex


async def test_two_rotations_at_once_have_one_winner_and_a_revoked_family(
    database: Database, acme: TenantContext
) -> None:
    for _ in range(5):
        first = await issue(database, acme)
        results = await asyncio.gather(*(rotate(database, first) for _ in range(2)), return_exceptions=True)
        won = [result for result in results if isinstance(result, tuple)]
        lost = [result for result in results if isinstance(result, Unauthenticated)]
        assert (len(won), [error.code for error in lost]) == (1, ["token_reused"])
        assert await refusal_code(database, won[0][1]) == "token_invalid"


async def test_a_token_born_while_its_family_is_revoked_is_dead(database: Database, acme: TenantContext) -> None:
    _, second = await rotate(database, await issue(database, acme))
    async with database.tenant_transaction(acme) as connection:
        # As if the thief's next token were committed just after the revocation had looked.
        await connection.execute("UPDATE refresh_tokens SET revoked_at = now() WHERE used_at IS NOT NULL")
    assert await refusal_code(database, second) == "token_invalid"


async def test_logout_revokes_the_family_and_is_repeatable(database: Database, acme: TenantContext) -> None:
    first = await issue(database, acme)
    _, second = await rotate(database, first)
    await refresh_tokens.revoke(database, second)
    await refresh_tokens.revoke(database, second)
    assert await refusal_code(database, second) == "token_invalid"


async def test_the_role_is_read_again(database: Database, acme: TenantContext) -> None:
    token = await issue(database, acme)
    async with database.tenant_transaction(acme) as connection:
        await connection.execute("UPDATE memberships SET role = 'viewer' WHERE user_id = %s", (acme.user_id,))
    ctx, _ = await rotate(database, token)
    assert ctx == replace(acme, role=Role.VIEWER)


async def test_who_left_the_tenant_cannot_refresh(database: Database, acme: TenantContext) -> None:
    token = await issue(database, acme)
    async with database.tenant_transaction(acme) as connection:
        await connection.execute("DELETE FROM memberships WHERE user_id = %s", (acme.user_id,))
    assert await refusal_code(database, token) == "token_invalid"


async def test_an_expired_token_says_so(database: Database, acme: TenantContext) -> None:
    token = await issue(database, acme)
    async with database.tenant_transaction(acme) as connection:
        await connection.execute("UPDATE refresh_tokens SET expires_at = now()")
    assert await refusal_code(database, token) == "token_expired"


async def test_long_expired_tokens_are_cleared_away_at_the_next_login(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    for ctx in (acme, globex):
        await issue(database, ctx)
        async with database.tenant_transaction(ctx) as connection:
            await connection.execute("UPDATE refresh_tokens SET expires_at = now() - interval '2 days'")
    await issue(database, acme)
    assert (await count(database, acme), await count(database, globex)) == (1, 1)


@pytest.mark.parametrize("token", ["", "unknown", "\x00", "\ud800", "x" * 1_000_000])
async def test_garbage_is_invalid_and_logs_out_quietly(database: Database, token: str) -> None:
    assert await refusal_code(database, token) == "token_invalid"
    await refresh_tokens.revoke(database, token)


async def test_the_token_itself_is_not_stored(database: Database, acme: TenantContext) -> None:
    token = await issue(database, acme)
    async with database.tenant_transaction(acme) as connection:
        row = await (await connection.execute("SELECT refresh_tokens::text AS all FROM refresh_tokens")).fetchone()
    assert row is not None
    assert token not in row["all"]
    assert token.encode().hex() not in row["all"]

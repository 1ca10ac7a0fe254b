import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from core.cache import Cache
from core.embedded import EmbeddedServers
from core.errors import TooManyRequests
from core.tenancy import Role, TenantContext
from tenants.limits import LIMITS_SKIPPED, spend_login, spend_request


@pytest.fixture
async def cache(servers: EmbeddedServers) -> AsyncIterator[Cache]:
    async with Cache(servers.redis_url) as opened:
        yield opened


@pytest.fixture
def ctx() -> TenantContext:
    return TenantContext(uuid4(), uuid4(), Role.MEMBER)


def skipped(limit: str) -> float:
    value: float = LIMITS_SKIPPED.labels(limit)._value.get()
    return value


def unique() -> str:
    return uuid4().hex


@pytest.mark.parametrize("per_minute", [1, 7, 20])
async def test_a_minutes_worth_passes_at_once_and_no_more(cache: Cache, ctx: TenantContext, per_minute: int) -> None:
    for _ in range(per_minute):
        await spend_request(cache, ctx, per_minute=per_minute)
    with pytest.raises(TooManyRequests) as refusal:
        await spend_request(cache, ctx, per_minute=per_minute)
    assert 1 <= refusal.value.retry_after_seconds <= -(-60 // per_minute)


async def test_requests_at_once_are_counted_each(cache: Cache, ctx: TenantContext) -> None:
    attempts = await asyncio.gather(
        *(spend_request(cache, ctx, per_minute=10) for _ in range(30)), return_exceptions=True
    )
    assert sum(attempt is None for attempt in attempts) == 10
    assert sum(isinstance(attempt, TooManyRequests) for attempt in attempts) == 20


async def test_one_tenants_haste_does_not_slow_another(cache: Cache, ctx: TenantContext) -> None:
    await spend_request(cache, ctx, per_minute=1)
    with pytest.raises(TooManyRequests):
        await spend_request(cache, ctx, per_minute=1)
    await spend_request(cache, TenantContext(uuid4(), ctx.user_id, ctx.role), per_minute=1)


async def test_a_refused_request_costs_nothing(cache: Cache, ctx: TenantContext) -> None:
    await spend_request(cache, ctx, per_minute=1)
    waits = []
    for _ in range(3):
        with pytest.raises(TooManyRequests) as refusal:
            await spend_request(cache, ctx, per_minute=1)
        waits.append(refusal.value.retry_after_seconds)
    assert max(waits) <= 60


async def test_logins_are_limited_by_email_address_from_wherever_they_come(cache: Cache) -> None:
    email = f"{unique()}@example.com"
    for spelling in (email, email.upper(), f" {email}"):
        await spend_login(cache, email=spelling, address=unique(), per_minute=3)
    with pytest.raises(TooManyRequests):
        await spend_login(cache, email=email, address=unique(), per_minute=3)
    await spend_login(cache, email=f"{unique()}@example.com", address=unique(), per_minute=3)


async def test_logins_are_limited_by_network_address_whoever_they_are_for(cache: Cache) -> None:
    address = unique()
    for _ in range(20):
        await spend_login(cache, email=unique(), address=address, per_minute=2)
    with pytest.raises(TooManyRequests):
        await spend_login(cache, email=unique(), address=address, per_minute=2)


async def test_a_login_refused_for_its_address_does_not_lock_the_account(cache: Cache) -> None:
    email, crowded = unique(), unique()
    for _ in range(10):
        await spend_login(cache, email=unique(), address=crowded, per_minute=1)
    with pytest.raises(TooManyRequests):
        await spend_login(cache, email=email, address=crowded, per_minute=1)
    await spend_login(cache, email=email, address=unique(), per_minute=1)


async def test_any_text_may_be_tried_as_an_email_address(cache: Cache) -> None:
    await spend_login(cache, email="\ud800\x00" * 1000, address="\ud800" + unique(), per_minute=1000)


async def test_without_valkey_requests_and_logins_pass_and_are_counted(ctx: TenantContext) -> None:
    requests, logins = skipped("requests"), skipped("logins")
    async with Cache("redis://127.0.0.1:1") as dead:
        for _ in range(3):
            await spend_request(dead, ctx, per_minute=1)
            await spend_login(dead, email="ann@example.com", address="192.0.2.1", per_minute=1)
    assert (skipped("requests"), skipped("logins")) == (requests + 3, logins + 3)

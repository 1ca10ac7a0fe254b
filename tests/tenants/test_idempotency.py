import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from core.db import Database
from core.errors import Conflict, Invalid
from core.tenancy import TenantContext
from tenants import idempotency

ASKED = b"\x01" * 32
ASKED_OTHERWISE = b"\x02" * 32


class Work:
    """A request that may be repeated; counts how often it is really done."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.done = 0

    async def request(
        self, ctx: TenantContext, key: str = "k", operation: str = "chat", request_hash: bytes = ASKED
    ) -> dict[str, Any]:
        async with self.database.tenant_transaction(ctx) as connection:
            stored = await idempotency.claim(connection, ctx, operation=operation, key=key, request_hash=request_hash)
            if stored is not None:
                return stored
            self.done += 1
            response = {"run": self.done}
            await idempotency.complete(connection, ctx, operation=operation, key=key, response=response)
            return response


@pytest.fixture
def work(database: Database) -> Work:
    return Work(database)


async def test_a_repeated_request_gets_the_first_response(work: Work, acme: TenantContext) -> None:
    assert [await work.request(acme) for _ in range(3)] == [{"run": 1}] * 3
    assert work.done == 1


async def test_keys_are_of_one_tenant_one_user_and_one_operation(
    work: Work, acme: TenantContext, globex: TenantContext
) -> None:
    await work.request(acme)
    await work.request(globex)
    await work.request(replace(acme, user_id=uuid4()))
    await work.request(acme, operation="upload")
    await work.request(acme, key="another")
    assert work.done == 5


async def test_a_key_that_comes_with_another_request_is_invalid(work: Work, acme: TenantContext) -> None:
    await work.request(acme)
    with pytest.raises(Invalid) as refusal:
        await work.request(acme, request_hash=ASKED_OTHERWISE)
    assert refusal.value.code == "idempotency_key_reused"
    assert work.done == 1


async def test_repeats_at_once_do_the_work_once(work: Work, acme: TenantContext) -> None:
    responses = await asyncio.gather(*(work.request(acme) for _ in range(6)))
    assert list(responses) == [{"run": 1}] * 6
    assert work.done == 1


async def test_a_repeat_waits_for_the_first_and_takes_over_when_it_fails(
    database: Database, work: Work, acme: TenantContext
) -> None:
    with pytest.raises(RuntimeError):
        async with database.tenant_transaction(acme) as connection:
            await idempotency.claim(connection, acme, operation="chat", key="k", request_hash=ASKED)
            repeat = asyncio.create_task(work.request(acme))
            await blocked(database, acme)
            assert not repeat.done()
            raise RuntimeError
    assert await repeat == {"run": 1}


async def blocked(database: Database, ctx: TenantContext) -> None:
    """Returns when some transaction of this database waits for another."""
    async with asyncio.timeout(10), database.tenant_transaction(ctx) as connection:
        waiting = None
        while waiting is None:
            cursor = await connection.execute(
                "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            )
            waiting = await cursor.fetchone()


async def test_a_claim_that_was_never_completed_is_a_conflict(
    database: Database, work: Work, acme: TenantContext
) -> None:
    async with database.tenant_transaction(acme) as connection:
        await idempotency.claim(connection, acme, operation="chat", key="k", request_hash=ASKED)
    with pytest.raises(Conflict) as refusal:
        await work.request(acme)
    assert refusal.value.code == "idempotency_key_in_use"


@pytest.mark.parametrize("key", ["", " ", "a\x00", "\ud800", "x" * 256])
async def test_a_key_that_cannot_be_stored_is_invalid(work: Work, acme: TenantContext, key: str) -> None:
    with pytest.raises(Invalid):
        await work.request(acme, key=key)
    assert work.done == 0


async def test_once_works_again_only_without_a_key(database: Database, acme: TenantContext) -> None:
    done = 0

    async def work() -> dict[str, Any]:
        nonlocal done
        done += 1
        return {"run": done}

    async def once(key: str | None) -> tuple[dict[str, Any], bool]:
        async with database.tenant_transaction(acme) as connection:
            return await idempotency.once(connection, acme, operation="chat", key=key, request_hash=ASKED, work=work)

    assert [await once("k"), await once("k")] == [({"run": 1}, False), ({"run": 1}, True)]
    assert [await once(None), await once(None)] == [({"run": 2}, False), ({"run": 3}, False)]

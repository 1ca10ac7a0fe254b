"""Whose run is next: every tenant has its turn, and what keeps one run waiting keeps no other."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from agents.runs import queue
from agents.runs.queue import Claim
from agents.runs.runs import Run
from agents.threads import threads
from core.db import Database
from core.tenancy import TenantContext
from tests.agents.queued import queued
from tests.factories import add_tenant
from tests.until import until

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def owner(owner_url: str) -> Iterator[Owner]:
    """Sees what Postgres sees, and turns its clock."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        yield connection


async def new_thread(database: Database, ctx: TenantContext) -> UUID:
    async with database.tenant_transaction(ctx) as connection:
        return (await threads.create(connection, ctx)).thread_id


async def waiting(database: Database, ctx: TenantContext) -> Run:
    """On a thread of its own."""
    return await queued(database, ctx, await new_thread(database, ctx))


async def claim(database: Database) -> Claim:
    claimed = await queue.claim(database, uuid4())
    assert claimed is not None
    return claimed


async def claimed_runs(database: Database, count: int) -> list[UUID]:
    return [(await claim(database)).run_id for _ in range(count)]


def let_lease_run_out(owner: Owner, run_id: UUID) -> None:
    owner.execute("UPDATE run_queue SET lease_until = now() - interval '1 second' WHERE run_id = %s", (run_id,))


async def until_someone_waits_for_a_lock(owner: Owner) -> None:
    async def waits() -> bool:
        query = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return owner.execute(query).rowcount > 0

    await until(waits)


async def test_a_tenant_with_a_long_queue_lets_the_others_have_their_turn(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    long = [await waiting(database, acme) for _ in range(20)]
    short = await waiting(database, globex)
    runs = [long[0], short, *long[1:]]
    assert await claimed_runs(database, 21) == [run.run_id for run in runs]
    assert await queue.claim(database, uuid4()) is None


async def test_tenants_that_execute_equally_many_runs_start_the_oldest(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    tenants = [globex, acme, await add_tenant(database, "initech")]
    first = [await waiting(database, ctx) for ctx in tenants]
    second = [await waiting(database, ctx) for ctx in reversed(tenants)]
    assert await claimed_runs(database, 6) == [run.run_id for run in (*first, *second)]


async def test_a_run_whose_executor_died_comes_before_every_turn(
    database: Database, acme: TenantContext, globex: TenantContext, owner: Owner
) -> None:
    for _ in range(2):
        await waiting(database, acme)
    died, _ = await claimed_runs(database, 2)
    await waiting(database, globex)
    let_lease_run_out(owner, died)
    again = await claim(database)
    assert (again.run_id, again.attempts) == (died, 2)


async def test_a_run_for_later_takes_no_turn(
    database: Database, acme: TenantContext, globex: TenantContext, owner: Owner
) -> None:
    later = await waiting(database, acme)
    owner.execute("UPDATE run_queue SET available_at = now() + interval '1 hour'")
    theirs = await waiting(database, globex)
    ours = await waiting(database, acme)
    assert await claimed_runs(database, 2) == [theirs.run_id, ours.run_id]
    assert await queue.claim(database, uuid4()) is None
    owner.execute("UPDATE run_queue SET available_at = now() WHERE run_id = %s", (later.run_id,))
    assert await claimed_runs(database, 1) == [later.run_id]


async def test_the_runs_of_a_thread_wait_for_each_other_and_keep_no_other_thread_waiting(
    database: Database, acme: TenantContext
) -> None:
    thread_id = await new_thread(database, acme)
    first, second = [await queued(database, acme, thread_id) for _ in range(2)]
    other = await waiting(database, acme)
    assert await claimed_runs(database, 2) == [first.run_id, other.run_id]
    assert await queue.claim(database, uuid4()) is None
    async with database.tenant_transaction(acme) as connection:
        await queue.remove(connection, acme, first.run_id)
    assert await claimed_runs(database, 1) == [second.run_id]


async def test_what_others_are_claiming_at_this_moment_is_left_to_them(
    database: Database, acme: TenantContext, globex: TenantContext, owner: Owner
) -> None:
    taken, *free = [(await waiting(database, ctx)).run_id for ctx in (acme, acme, globex, globex)]
    with owner.transaction():
        owner.execute("SELECT FROM run_queue WHERE run_id = %s FOR UPDATE", (taken,))
        assert await asyncio.wait_for(claimed_runs(database, 3), 10) == free
        assert await asyncio.wait_for(queue.claim(database, uuid4()), 10) is None


async def test_an_executor_that_is_too_late_for_a_thread_claims_another_run(
    database: Database, acme: TenantContext, owner: Owner
) -> None:
    thread_id = await new_thread(database, acme)
    _, second = [await queued(database, acme, thread_id) for _ in range(2)]
    other = await waiting(database, acme)
    with owner.transaction():
        owner.execute(
            "UPDATE run_queue SET executor = %s, lease_until = now() + interval '1 hour' WHERE run_id = %s",
            (uuid4(), second.run_id),
        )
        claiming = asyncio.create_task(claim(database))
        with psycopg.connect(owner.info.dsn, password=owner.info.password, autocommit=True) as beside:
            await until_someone_waits_for_a_lock(beside)
    assert (await claiming).run_id == other.run_id


async def test_a_locked_thread_postpones_its_run_and_no_other(
    database: Database, acme: TenantContext, owner: Owner
) -> None:
    locked = await waiting(database, acme)
    other = await waiting(database, acme)
    with owner.transaction():
        owner.execute("SELECT FROM thread_heads WHERE thread_id = %s FOR SHARE", (locked.thread_id,))
        assert await claimed_runs(database, 1) == [other.run_id]
    let_lease_run_out(owner, locked.run_id)
    again = await claim(database)
    assert (again.run_id, again.attempts) == (locked.run_id, 1)


async def test_a_run_whose_thread_is_gone_leaves_the_queue_and_the_next_one_is_claimed(
    database: Database, acme: TenantContext, owner: Owner
) -> None:
    gone = await waiting(database, acme)
    other = await waiting(database, acme)
    owner.execute("DELETE FROM thread_heads WHERE thread_id = %s", (gone.thread_id,))
    assert await claimed_runs(database, 1) == [other.run_id]
    assert owner.execute("SELECT run_id FROM run_queue").fetchall() == [(other.run_id,)]


async def test_a_claim_that_slept_while_another_one_took_its_run_raises_no_fence(
    database: Database, acme: TenantContext, owner: Owner
) -> None:
    run = await waiting(database, acme)
    with owner.transaction():
        owner.execute("SELECT FROM thread_heads FOR SHARE")
        claiming = asyncio.create_task(queue.claim(database, uuid4()))
        with psycopg.connect(owner.info.dsn, password=owner.info.password, autocommit=True) as beside:
            await until_someone_waits_for_a_lock(beside)
            beside.execute("UPDATE run_queue SET executor = %s, attempts = 2", (uuid4(),))
    assert await claiming is None
    assert owner.execute("SELECT fence FROM thread_heads").fetchone() == (0,)
    assert owner.execute("SELECT attempts FROM run_queue WHERE run_id = %s", (run.run_id,)).fetchone() == (2,)

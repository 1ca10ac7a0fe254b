import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from procrastinate import PsycopgConnector

from agents.crons import crons
from agents.crons import firing as cron_firing
from agents.crons import search as cron_search
from agents.crons.crons import Change, Cron, CronRequest, Timing
from agents.crons.schedule import InvalidSchedule
from agents.crons.search import Filter
from agents.engine import Engine
from agents.tasks import QUEUES, build_app
from agents.threads import threads
from core.db import Database
from core.embedded import EmbeddedServers
from core.errors import NotFound
from core.tenancy import Role, TenantContext
from tests.agents.conftest import NewEngine
from tests.agents.scripted_model import ScriptedModel
from tests.until import until
from tools.egress.client import Egress
from tools.egress.policy import EgressPolicy

YEARLY = Timing("0 0 1 1 *")
Waiting = Callable[[], list[datetime]]


@pytest.fixture
async def engine(new_engine: NewEngine) -> Engine:
    """Its executor has no room: the runs that crons start stay as they were put."""
    return await new_engine(ScriptedModel(script=[]), max_concurrent=0)


@pytest.fixture
def waiting(owner_url: str) -> Waiting:
    """The dates of the jobs in the queue."""

    def look() -> list[datetime]:
        with psycopg.connect(owner_url) as owner:
            rows = owner.execute(
                "SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'fire_cron' ORDER BY 1"
            )
            return [row[0].astimezone(UTC) for row in rows]

    return look


async def create(engine: Engine, ctx: TenantContext, timing: Timing = YEARLY, **options: Any) -> Cron:
    request = options.pop("request", CronRequest(input={"messages": []}))
    async with engine.database.tenant_transaction(ctx) as connection:
        return await crons.create(connection, ctx, engine.catalog, "agent", timing, request, **options)


async def update(engine: Engine, ctx: TenantContext, cron: Cron, change: Change) -> Cron:
    async with engine.database.tenant_transaction(ctx) as connection:
        return await crons.update(connection, ctx, cron.cron_id, change)


async def get(engine: Engine, ctx: TenantContext, cron: Cron) -> Cron:
    async with engine.database.tenant_transaction(ctx) as connection:
        return await crons.get(connection, ctx, cron.cron_id)


async def fire(engine: Engine, ctx: TenantContext, cron: Cron) -> None:
    """As the job for its next date, whenever that is."""
    assert cron.next_run_date is not None
    await cron_firing.fire(engine, ctx, cron.cron_id, cron.next_run_date)


async def started(database: Database, ctx: TenantContext) -> list[dict[str, Any]]:
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            "SELECT r.*, q.role FROM runs r JOIN run_queue q USING (run_id) ORDER BY r.created_at"
        )
        return await rows.fetchall()


async def member(database: Database, ctx: TenantContext, role: Role = Role.MEMBER) -> TenantContext:
    other = TenantContext(ctx.tenant_id, uuid4(), role)
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO users (user_id, email, name, password_hash) VALUES (%s, %s, 'Bob', '!')",
            (other.user_id, f"{other.user_id}@example.com"),
        )
        await connection.execute(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES (%s, %s, %s)",
            (ctx.tenant_id, other.user_id, role),
        )
    return other


async def new_thread(database: Database, ctx: TenantContext) -> UUID:
    async with database.tenant_transaction(ctx) as connection:
        return (await threads.create(connection, ctx)).thread_id


async def test_however_many_workers_fire_it_a_date_starts_one_run_and_names_the_next(
    engine: Engine, acme: TenantContext, waiting: Waiting
) -> None:
    cron = await create(engine, acme, metadata={"label": "yearly"}, on_run_completed="keep")
    assert waiting() == [cron.next_run_date]
    await asyncio.gather(*(fire(engine, acme, cron) for _ in range(3)))
    (run,) = await started(engine.database, acme)
    assert run["metadata"] == {"label": "yearly", "cron_id": str(cron.cron_id)}
    assert run["request"]["on_completion"] == "keep"
    after = (await get(engine, acme, cron)).next_run_date
    assert cron.next_run_date is not None and after is not None
    assert after.year == cron.next_run_date.year + 1
    assert waiting() == [cron.next_run_date, after]


async def test_each_run_has_a_thread_of_its_own_unless_the_cron_has_one(engine: Engine, acme: TenantContext) -> None:
    thread_id = await new_thread(engine.database, acme)
    stateless, stateful = await create(engine, acme), await create(engine, acme, thread_id=thread_id)
    for _ in range(2):
        await fire(engine, acme, await get(engine, acme, stateless))
        await fire(engine, acme, await get(engine, acme, stateful))
    runs = await started(engine.database, acme)
    on = {cron.cron_id: [run["thread_id"] for run in runs if run["metadata"]["cron_id"] == str(cron.cron_id)]
          for cron in (stateless, stateful)}  # fmt: skip
    assert len(set(on[stateless.cron_id])) == 2
    assert on[stateful.cron_id] == [thread_id, thread_id]


async def test_a_due_job_starts_the_run_through_the_queue(
    engine: Engine, clone: EmbeddedServers, acme: TenantContext, owner_url: str
) -> None:
    cron = await create(engine, acme)
    assert cron.next_run_date is not None
    missed = cron.next_run_date.replace(year=cron.next_run_date.year - 3)
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE crons SET next_run_date = %s", (missed,))
        owner.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = %s, args = args || jsonb_build_object('due', %s::text)",
            (missed, missed.isoformat()),
        )
    async with Egress(EgressPolicy()) as egress:
        connector = PsycopgConnector(conninfo=clone.database_url("atrium_app"), min_size=1, max_size=2)
        app = build_app(connector, engine, egress, event_retention_seconds=3600)
        async with app.open_async():
            await app.run_worker_async(queues=list(QUEUES), wait=False, install_signal_handlers=False)
    assert len(await started(engine.database, acme)) == 1, "years that were slept through are one date"
    after = (await get(engine, acme, cron)).next_run_date
    assert after is not None and after > datetime.now(UTC)


async def test_a_cron_that_fires_while_its_thread_goes_starts_nothing_and_stops_nobody(
    engine: Engine, acme: TenantContext, owner_url: str
) -> None:
    thread_id = await new_thread(engine.database, acme)
    cron = await create(engine, acme, thread_id=thread_id)
    with psycopg.connect(owner_url, autocommit=True) as owner:

        async def fires() -> bool:
            waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            return owner.execute(waiting).rowcount > 0

        async with engine.database.tenant_transaction(acme) as connection:
            await threads.lock(connection, acme, thread_id)
            firing = asyncio.create_task(fire(engine, acme, cron))
            await until(fires)
            await threads.delete(connection, acme, thread_id)
    await firing
    assert await started(engine.database, acme) == []


async def test_a_busy_thread_costs_a_run_and_not_the_cron(engine: Engine, acme: TenantContext) -> None:
    thread_id = await new_thread(engine.database, acme)
    cron = await create(engine, acme, thread_id=thread_id, request=CronRequest(multitask_strategy="reject"))
    await fire(engine, acme, cron)
    again = await get(engine, acme, cron)
    await fire(engine, acme, again)
    assert len(await started(engine.database, acme)) == 1
    assert (await get(engine, acme, cron)).next_run_date != again.next_run_date


async def test_a_cron_ends_with_its_time(engine: Engine, acme: TenantContext, waiting: Waiting) -> None:
    first = (await create(engine, acme)).next_run_date
    assert first is not None
    cron = await create(engine, acme, replace(YEARLY, end_time=first + timedelta(days=1)))
    await fire(engine, acme, cron)
    assert len(await started(engine.database, acme)) == 1
    assert (await get(engine, acme, cron)).next_run_date is None
    over = await create(engine, acme, replace(YEARLY, end_time=datetime.now(UTC)))
    assert over.next_run_date is None
    assert len(waiting()) == 2


async def test_a_change_moves_its_next_date_and_what_it_asks(
    engine: Engine, acme: TenantContext, waiting: Waiting
) -> None:
    before = await create(engine, acme, metadata={"a": 1})
    after = await update(
        engine, acme, before, Change({"schedule": "0 0 2 1 *"}, {"durability": "exit"}, {"b": 2}, "keep")
    )
    assert (after.metadata, after.request.durability, after.on_run_completed) == ({"a": 1, "b": 2}, "exit", "keep")
    assert after.request.input == before.request.input
    assert waiting() == [after.next_run_date]
    assert after == await get(engine, acme, before)
    await fire(engine, acme, before)
    assert await started(engine.database, acme) == [], "a job for the old date is stale"


async def test_a_disabled_cron_waits_until_it_is_enabled(
    engine: Engine, acme: TenantContext, waiting: Waiting
) -> None:
    cron = await create(engine, acme, replace(YEARLY, enabled=False))
    assert (cron.next_run_date, waiting()) == (None, [])
    enabled = await update(engine, acme, cron, Change({"enabled": True}))
    assert waiting() == [enabled.next_run_date]
    disabled = await update(engine, acme, cron, Change({"enabled": False}))
    assert (disabled.next_run_date, waiting()) == (None, [])


async def test_a_deleted_cron_starts_nothing(engine: Engine, acme: TenantContext, waiting: Waiting) -> None:
    cron = await create(engine, acme)
    async with engine.database.tenant_transaction(acme) as connection:
        await crons.delete(connection, acme, cron.cron_id)
    assert waiting() == []
    await fire(engine, acme, cron)
    assert await started(engine.database, acme) == []


async def test_it_runs_as_its_owner_with_what_that_member_may_do_today(engine: Engine, acme: TenantContext) -> None:
    bob = await member(engine.database, acme)
    cron = await create(engine, bob)
    async with engine.database.tenant_transaction(acme) as connection:
        await connection.execute("UPDATE memberships SET role = 'viewer' WHERE user_id = %s", (bob.user_id,))
    await fire(engine, acme, cron)
    (run,) = await started(engine.database, acme)
    assert (run["user_id"], run["role"]) == (bob.user_id, "viewer")


async def test_a_member_reaches_their_own_an_admin_the_tenants_and_another_tenant_none(
    engine: Engine, acme: TenantContext, globex: TenantContext
) -> None:
    bob, carol = await member(engine.database, acme), await member(engine.database, acme)
    cron = await create(engine, bob)
    for ctx, reached in ((bob, 1), (acme, 1), (carol, 0), (globex, 0)):
        async with engine.database.tenant_transaction(ctx) as connection:
            assert len(await cron_search.search(connection, ctx, Filter())) == reached
            assert await cron_search.count(connection, ctx, Filter()) == reached
    for ctx in (carol, globex):
        with pytest.raises(NotFound):
            await get(engine, ctx, cron)
        async with engine.database.tenant_transaction(ctx) as connection:
            with pytest.raises(NotFound):
                await crons.delete(connection, ctx, cron.cron_id)
    for ctx in (acme, carol, globex):
        with pytest.raises(NotFound):
            await update(engine, ctx, cron, Change({"schedule": "* * * * *"}))


async def test_a_cron_on_a_thread_that_is_not_ones_own_is_not_made(engine: Engine, acme: TenantContext) -> None:
    bob = await member(engine.database, acme)
    thread_id = await new_thread(engine.database, acme)
    with pytest.raises(NotFound):
        await create(engine, bob, thread_id=thread_id)


async def test_a_schedule_that_is_none_is_refused_and_changes_nothing(
    engine: Engine, acme: TenantContext, waiting: Waiting
) -> None:
    with pytest.raises(InvalidSchedule):
        await create(engine, acme, Timing("every day"))
    cron = await create(engine, acme)
    with pytest.raises(InvalidSchedule):
        await update(engine, acme, cron, Change({"timezone": "Mars"}))
    assert await get(engine, acme, cron) == cron
    assert waiting() == [cron.next_run_date]


async def test_search_filters_sorts_and_pages(engine: Engine, acme: TenantContext) -> None:
    labelled = [await create(engine, acme, metadata={"n": n, "of": {"all": 3}}) for n in range(3)]
    await update(engine, acme, labelled[1], Change({"enabled": False}))

    async def ids(wanted: Filter, **page: Any) -> list[UUID]:
        async with engine.database.tenant_transaction(acme) as connection:
            return [cron.cron_id for cron in await cron_search.search(connection, acme, wanted, **page)]

    oldest_first = [cron.cron_id for cron in labelled]
    assert await ids(Filter(metadata={"of": {"all": 3}}), sort_order="asc") == oldest_first
    assert await ids(Filter(), limit=2, offset=1) == oldest_first[1::-1]
    assert await ids(Filter(enabled=False)) == [oldest_first[1]]
    assert await ids(Filter(metadata={"n": 2})) == [oldest_first[2]]
    assert await ids(Filter(assistant_id=uuid4())) == await ids(Filter(thread_id=uuid4())) == []

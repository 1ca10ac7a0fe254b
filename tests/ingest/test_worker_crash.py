"""`kill -9` at any moment: no acknowledged document is lost, none is indexed twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from core.cache import Cache
from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from ingest.documents import Upload
from ingest.limits import ParseLimits
from ingest.pipeline import Pipeline
from retrieval.local_embeddings import LocalEmbeddings
from tests.ingest.uploads import indexed, upload
from tests.ingest.worker_processes import STATUS_GATE, Owner, Workers, stopped, worker_processes
from tests.until import until

TAKEN_UP_WITHIN = timedelta(seconds=10)
UPLOADS = [
    Upload.of(
        f"handbook-{letter}.md",
        "\n\n".join(
            f"# Rule {letter}{number}\n\n" + f"Lamp {number} of hall {letter} is lit at dusk. " * 5
            for number in range(15)
        ).encode(),
    )
    for letter in "ABCDEF"
]


@pytest.fixture
def workers(clone: EmbeddedServers) -> Iterator[Workers]:
    with worker_processes(clone) as running:
        yield running


@pytest.fixture
async def owner(owner_url: str) -> AsyncIterator[Owner]:
    async with await AsyncConnection.connect(owner_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


async def process_undisturbed(database: Database, clone: EmbeddedServers, ctx: TenantContext) -> None:
    async with Cache(clone.redis_url) as cache:
        pipeline = Pipeline(database, cache, LocalEmbeddings(), ParseLimits())
        for document in await upload(database, ctx, *UPLOADS):
            await pipeline.process(ctx, document.document_id, document.version)


async def all_ready(database: Database, ctx: TenantContext) -> bool:
    async with database.tenant_transaction(ctx) as connection:
        unready = await connection.execute(
            "SELECT FROM document_versions WHERE tenant_id = %s AND status <> 'ready'", (ctx.tenant_id,)
        )
        return unready.rowcount == 0


async def queue_empty(owner: Owner) -> bool:
    found = await owner.execute("SELECT FROM procrastinate_jobs")
    return found.rowcount == 0


async def keep_job_events(owner: Owner) -> None:
    """They end with their job otherwise, and could not be read afterwards."""
    await owner.execute("ALTER TABLE procrastinate_events DROP CONSTRAINT procrastinate_events_job_id_fkey")


async def taken_up_after(owner: Owner, kills: list[datetime]) -> list[timedelta]:
    """For each job that a kill interrupted, how long it took until a worker had it again."""
    rows = await owner.execute(
        "SELECT started.at - kill AS wait FROM unnest(%s::timestamptz[]) kill "
        "CROSS JOIN LATERAL (SELECT DISTINCT ON (job_id) job_id, type FROM procrastinate_events "
        "WHERE at < kill ORDER BY job_id, id DESC) before "
        "CROSS JOIN LATERAL (SELECT min(at) AS at FROM procrastinate_events after "
        "WHERE after.job_id = before.job_id AND after.type = 'started' AND after.at > kill) started "
        "WHERE before.type = 'started' AND started.at IS NOT NULL",
        (kills,),
    )
    return [row["wait"] for row in await rows.fetchall()]


async def test_killed_at_every_step_each_document_is_ready_once_and_unharmed(
    database: Database,
    clone: EmbeddedServers,
    owner: Owner,
    workers: Workers,
    acme: TenantContext,
    globex: TenantContext,
) -> None:
    await process_undisturbed(database, clone, globex)
    await owner.execute(STATUS_GATE)
    worker = await workers.start(owner)
    await upload(database, acme, *UPLOADS)
    for moment in ("taken up", "loaded", "writing", "written", "writing"):
        async with stopped(clone, moment):
            workers.kill(worker)
        worker = await workers.start(owner)
    await until(lambda: all_ready(database, acme))
    await until(lambda: queue_empty(owner))
    assert await indexed(database, acme) == await indexed(database, globex)


async def test_another_worker_takes_a_dead_ones_document_up_within_seconds(
    database: Database, clone: EmbeddedServers, owner: Owner, workers: Workers, acme: TenantContext
) -> None:
    await keep_job_events(owner)
    dying = await workers.start(owner)
    await upload(database, acme, UPLOADS[0])
    async with stopped(clone, "writing"):
        await workers.start(owner)
        workers.kill(dying)
    await until(lambda: all_ready(database, acme))
    (wait,) = await taken_up_after(owner, workers.killed_at)
    print(f"taken up after {wait.total_seconds():.1f} s")
    assert wait < TAKEN_UP_WITHIN


async def test_a_stopped_worker_puts_its_document_back(
    database: Database, clone: EmbeddedServers, owner: Owner, workers: Workers, acme: TenantContext
) -> None:
    stopping = await workers.start(owner)
    await upload(database, acme, UPLOADS[0])
    async with stopped(clone, "writing"):
        stopping.terminate()
        assert await asyncio.to_thread(stopping.wait, 15) == 0
        rows = await owner.execute("SELECT status::text, args->'failures' AS failures FROM procrastinate_jobs")
        assert await rows.fetchall() == [{"status": "todo", "failures": 0}]

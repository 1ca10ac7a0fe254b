"""`kill -9` at any moment: no acknowledged document is lost, none is indexed twice."""

import signal
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from core.cache import Cache
from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from ingest import documents
from ingest.documents import Document, Upload
from ingest.limits import ParseLimits
from ingest.pipeline import Pipeline
from retrieval.local_embeddings import LocalEmbeddings
from tests.factories import add_knowledge_base
from tests.ingest.worker_processes import Owner, Workers, stopped, worker_processes
from tests.until import until

TAKEN_UP_WITHIN = timedelta(seconds=10)
UPLOADS = [
    Upload(
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
    async with await AsyncConnection.connect(owner_url) as connection:
        yield connection


async def upload(database: Database, ctx: TenantContext, uploads: list[Upload]) -> tuple[Document, ...]:
    knowledge_base_id = await add_knowledge_base(database, ctx)
    async with database.tenant_transaction(ctx) as connection:
        return await documents.upload(connection, ctx, knowledge_base_id, uploads)


async def process_undisturbed(
    database: Database, clone: EmbeddedServers, ctx: TenantContext, uploads: list[Upload]
) -> None:
    async with Cache(clone.redis_url) as cache:
        pipeline = Pipeline(database, cache, LocalEmbeddings(), ParseLimits())
        for document in await upload(database, ctx, uploads):
            await pipeline.process(ctx, document.document_id, document.version)


async def indexed(database: Database, ctx: TenantContext) -> list[dict[str, Any]]:
    """Every chunk that is searched, and the statistics behind the scores."""
    async with database.tenant_transaction(ctx) as connection:
        chunks = await connection.execute(
            "SELECT d.name, c.version, ordinal, page_start, page_end, char_start, char_end, headings, text, "
            "embedding::text, terms::text FROM chunks c JOIN documents d USING (tenant_id, document_id) "
            "WHERE c.tenant_id = %s ORDER BY name, ordinal",
            (ctx.tenant_id,),
        )
        terms = await connection.execute(
            "SELECT term, chunks FROM chunk_terms WHERE tenant_id = %s ORDER BY term", (ctx.tenant_id,)
        )
        return [*await chunks.fetchall(), *await terms.fetchall()]


async def statuses(database: Database, ctx: TenantContext) -> dict[UUID, str]:
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            "SELECT document_id, status FROM document_versions WHERE tenant_id = %s", (ctx.tenant_id,)
        )
        return {row["document_id"]: row["status"] for row in await rows.fetchall()}


async def all_ready(database: Database, ctx: TenantContext) -> bool:
    return set((await statuses(database, ctx)).values()) == {"ready"}


async def queue_empty(owner: Owner) -> bool:
    found = await owner.execute("SELECT FROM procrastinate_jobs")
    await owner.rollback()
    return found.rowcount == 0


async def keep_job_events(owner: Owner) -> None:
    """They end with their job otherwise, and could not be read afterwards."""
    await owner.execute("ALTER TABLE procrastinate_events DROP CONSTRAINT procrastinate_events_job_id_fkey")
    await owner.commit()


async def taken_up_after(owner: Owner, kills: list[datetime]) -> list[timedelta]:
    """For each job that a kill interrupted, how long it took until a worker had it again."""
    rows = await owner.execute(
        "SELECT started.at - kill FROM unnest(%s::timestamptz[]) kill "
        "CROSS JOIN LATERAL (SELECT DISTINCT ON (job_id) job_id, type FROM procrastinate_events "
        "WHERE at < kill ORDER BY job_id, id DESC) before "
        "CROSS JOIN LATERAL (SELECT min(at) AS at FROM procrastinate_events after "
        "WHERE after.job_id = before.job_id AND after.type = 'started' AND after.at > kill) started "
        "WHERE before.type = 'started' AND started.at IS NOT NULL",
        (kills,),
    )
    return [row[0] for row in await rows.fetchall() if isinstance(row[0], timedelta)]


async def test_killed_at_every_step_each_document_is_ready_once_and_unharmed(
    database: Database,
    clone: EmbeddedServers,
    owner: Owner,
    workers: Workers,
    acme: TenantContext,
    globex: TenantContext,
) -> None:
    await keep_job_events(owner)
    await process_undisturbed(database, clone, globex, UPLOADS)
    worker = workers.start()
    await upload(database, acme, UPLOADS)
    for moment in ("taken up", "loaded", "writing", "written", "writing"):
        async with stopped(owner, moment):
            workers.kill(worker)
            worker = workers.start()
    await until(lambda: all_ready(database, acme), seconds=40)
    await until(lambda: queue_empty(owner))
    waits = await taken_up_after(owner, workers.killed_at)
    print("taken up after", [round(wait.total_seconds(), 1) for wait in waits])
    assert len(waits) >= 4
    assert max(waits) < TAKEN_UP_WITHIN
    assert await indexed(database, acme) == await indexed(database, globex)

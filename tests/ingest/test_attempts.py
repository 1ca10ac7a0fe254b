"""An attempt that fails, meets another, or comes too late, harms nothing that is searched."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest
from procrastinate import PsycopgConnector

from core.cache import Cache
from core.db import Database
from core.embedded import EmbeddedServers
from core.jobs import requeue_stalled
from core.tenancy import TenantContext
from ingest import documents, jobs
from ingest.documents import Upload
from ingest.limits import ParseLimits
from ingest.pipeline import Pipeline
from ingest.tasks import GAVE_UP, MAX_FAILURES, MAX_INTERRUPTIONS, backoff, build_app
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.remote_embeddings import EmbeddingsUnavailable
from retrieval.retriever import Retriever
from tests.ingest.uploads import indexed, now, upload, upload_again
from tests.until import until

LAMPS = Upload.of(
    "lamps.md", b"# Lamps\n\nThe lamps of the great hall are lit at dusk.\n\n# Oil\n\nOil is kept below."
)


class AwayEmbeddings(LocalEmbeddings):
    """An endpoint that does not answer `failures` times, and then does."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.asked = 0

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += 1
        if self.asked <= self.failures:
            raise EmbeddingsUnavailable("The embedding endpoint does not answer now; try again later.")
        return await super().aembed_documents(texts)


@pytest.fixture
async def pipeline(database: Database, clone: EmbeddedServers) -> AsyncIterator[Pipeline]:
    async with Cache(clone.redis_url) as cache:
        yield Pipeline(database, cache, LocalEmbeddings(), ParseLimits())


async def work_off_the_queue(clone: EmbeddedServers, pipeline: Pipeline) -> None:
    """Every job, and every further attempt without its delay."""
    connector = PsycopgConnector(conninfo=clone.database_url("atrium_app"))
    app = build_app(connector, pipeline, backoff=lambda _: 0)
    async with app.open_async():
        await app.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")


def jobs_left(owner_url: str) -> int:
    with psycopg.connect(owner_url) as connection:
        return connection.execute("SELECT FROM procrastinate_jobs").rowcount


def test_each_further_attempt_waits_twice_as_long() -> None:
    assert [backoff(failures) for failures in range(1, MAX_FAILURES)] == [1, 2, 4, 8, 16, 32, 64]


async def test_two_attempts_at_once_leave_one_set_of_chunks(
    database: Database, pipeline: Pipeline, acme: TenantContext, globex: TenantContext
) -> None:
    (document,) = await upload(database, acme, LAMPS)
    (undisturbed,) = await upload(database, globex, LAMPS)
    await asyncio.gather(*(pipeline.process(acme, document.document_id, 1) for _ in range(3)))
    await pipeline.process(globex, undisturbed.document_id, 1)
    assert (await now(database, acme, document)).status == "ready"
    assert await indexed(database, acme) == await indexed(database, globex) != []


async def test_an_endpoint_that_comes_back_costs_only_time(
    database: Database, clone: EmbeddedServers, pipeline: Pipeline, owner_url: str, acme: TenantContext
) -> None:
    (document,) = await upload(database, acme, LAMPS)
    away = AwayEmbeddings(MAX_FAILURES - 1)
    await work_off_the_queue(clone, replace(pipeline, embeddings=away))
    assert (await now(database, acme, document)).status == "ready"
    assert (away.asked, jobs_left(owner_url)) == (MAX_FAILURES, 0)


async def test_an_endpoint_that_stays_away_fails_the_document_with_a_sentence(
    database: Database, clone: EmbeddedServers, pipeline: Pipeline, owner_url: str, acme: TenantContext
) -> None:
    (document,) = await upload(database, acme, LAMPS)
    away = AwayEmbeddings(1000)
    await work_off_the_queue(clone, replace(pipeline, embeddings=away))
    failed = await now(database, acme, document)
    assert (failed.status, failed.error_code, failed.error_detail) == ("failed", "processing_failed", GAVE_UP)
    assert (away.asked, jobs_left(owner_url)) == (MAX_FAILURES, 0)


async def test_what_failed_is_ready_after_it_was_processed_again(
    database: Database, clone: EmbeddedServers, pipeline: Pipeline, acme: TenantContext
) -> None:
    (document,) = await upload(database, acme, LAMPS)
    await work_off_the_queue(clone, replace(pipeline, embeddings=AwayEmbeddings(MAX_FAILURES)))
    await documents.process_again(database, acme, document.knowledge_base_id, document.document_id)
    await work_off_the_queue(clone, pipeline)
    ready = await now(database, acme, document)
    assert (ready.status, ready.error_code, ready.error_detail) == ("ready", None, None)


@pytest.mark.parametrize(
    ("interruptions", "status", "code"),
    [(MAX_INTERRUPTIONS - 1, "ready", None), (MAX_INTERRUPTIONS, "failed", "worker_killed")],
)
async def test_a_document_that_only_met_dying_workers_is_processed_until_they_are_too_many(
    database: Database,
    clone: EmbeddedServers,
    pipeline: Pipeline,
    owner_url: str,
    acme: TenantContext,
    interruptions: int,
    status: str,
    code: str | None,
) -> None:
    (document,) = await upload(database, acme, LAMPS)
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE procrastinate_jobs SET attempts = %s", (interruptions,))
    await work_off_the_queue(clone, pipeline)
    processed = await now(database, acme, document)
    assert (processed.status, processed.error_code) == (status, code)


async def test_of_two_rescuers_one_takes_a_dead_workers_job_and_none_a_living_ones(
    database: Database, owner_url: str, acme: TenantContext
) -> None:
    await upload(database, acme, LAMPS, Upload.of("oil.md", b"Oil is kept below."))
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '4 s') "
            "RETURNING id), living AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id) "
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = CASE procrastinate_jobs.id "
            "WHEN (SELECT min(id) FROM procrastinate_jobs) THEN dead.id ELSE living.id END FROM dead, living"
        )
    taken = await asyncio.gather(*(requeue_stalled(database, [jobs.QUEUE], seconds=3) for _ in range(2)))
    assert sorted(len(ids) for ids in taken) == [0, 1]


async def test_a_document_deleted_while_queued_is_not_processed(
    database: Database, clone: EmbeddedServers, pipeline: Pipeline, owner_url: str, acme: TenantContext
) -> None:
    (document,) = await upload(database, acme, LAMPS)
    await documents.delete(database, acme, document.knowledge_base_id, document.document_id)
    unused = AwayEmbeddings(0)
    await work_off_the_queue(clone, replace(pipeline, embeddings=unused))
    assert (unused.asked, jobs_left(owner_url), await indexed(database, acme)) == (0, 0, [])


async def test_a_document_deleted_while_embedded_leaves_no_chunk(
    database: Database, pipeline: Pipeline, acme: TenantContext
) -> None:
    (document,) = await upload(database, acme, LAMPS)

    class Deleting(LocalEmbeddings):
        async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
            await documents.delete(database, acme, document.knowledge_base_id, document.document_id)
            return await super().aembed_documents(texts)

    await replace(pipeline, embeddings=Deleting()).process(acme, document.document_id, 1)
    assert await indexed(database, acme) == []


async def test_a_write_that_breaks_in_the_middle_leaves_the_old_version_searchable(
    database: Database, pipeline: Pipeline, owner_url: str, acme: TenantContext
) -> None:
    (document,) = await upload(database, acme, LAMPS)
    await pipeline.process(acme, document.document_id, 1)
    before = await indexed(database, acme)
    await upload_again(database, acme, document, LAMPS.data.replace(b"dusk", b"dawn"))
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$;"
            "CREATE TRIGGER break BEFORE INSERT ON chunks FOR EACH ROW WHEN (NEW.ordinal > 0) "
            "EXECUTE FUNCTION break()"
        )
        with pytest.raises(psycopg.errors.RaiseException):
            await pipeline.process(acme, document.document_id, 2)
        assert await indexed(database, acme) == before
        hit, *_ = await Retriever(database, LocalEmbeddings()).search(acme, "lamps", knowledge_base_ids=None)
        assert "dusk" in hit.text
        owner.execute("DROP TRIGGER break ON chunks")
    await pipeline.process(acme, document.document_id, 2)
    assert {row["version"] for row in await indexed(database, acme) if "version" in row} == {2}


async def test_a_database_connection_lost_while_writing_is_tried_again(
    database: Database, clone: EmbeddedServers, pipeline: Pipeline, owner_url: str, acme: TenantContext
) -> None:
    (document,) = await upload(database, acme, LAMPS)
    terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'atrium_app'"

    class Disconnecting(LocalEmbeddings):
        disconnected = False

        async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
            if not self.disconnected:
                self.disconnected = True
                with psycopg.connect(owner_url, autocommit=True) as owner:
                    owner.execute(terminate)
            return await super().aembed_documents(texts)

    disconnecting = replace(pipeline, embeddings=Disconnecting())

    async def ready() -> bool:
        await work_off_the_queue(clone, disconnecting)
        return (await now(database, acme, document)).status == "ready"

    await until(ready)

"""The run engine as a process opens it: graphs to run, a log to write to, an executor at work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from langchain_core.callbacks import BaseCallbackHandler

from agents.events.log import EventLog
from agents.execution.execution import Execution, Workshop
from agents.execution.executor import Executor
from core.cache import Cache
from core.db import Database
from core.resources import Resources
from core.telemetry import trace_callbacks
from graphs.catalog.catalog import Catalog, open_catalog
from retrieval.embeddings import LocalEmbeddings, RemoteEmbeddings
from retrieval.retriever import Retriever
from tools.toolbox import Toolbox, open_toolbox


@dataclass(frozen=True, slots=True)
class Engine:
    database: Database
    cache: Cache
    log: EventLog
    catalog: Catalog
    toolbox: Toolbox
    executor: Executor
    embeddings: LocalEmbeddings | RemoteEmbeddings


@asynccontextmanager
async def open_engine(resources: Resources, embeddings: LocalEmbeddings | RemoteEmbeddings) -> AsyncIterator[Engine]:
    """Takes up runs until the block ends. Raises `OperatorError` when a graph cannot be loaded."""
    settings = resources.settings
    retriever = Retriever(resources.database, embeddings)
    async with (
        open_toolbox(settings, resources.database, resources.cache, retriever) as toolbox,
        open_catalog(settings, embeddings, retriever, toolbox) as catalog,
        engine_at_work(
            resources.database,
            resources.cache,
            catalog,
            toolbox,
            embeddings,
            max_concurrent=settings.max_concurrent_runs,
            timeout_seconds=settings.run_timeout_seconds,
            callbacks=trace_callbacks(settings),
        ) as engine,
    ):
        yield engine


@asynccontextmanager
async def engine_at_work(
    database: Database,
    cache: Cache,
    catalog: Catalog,
    toolbox: Toolbox,
    embeddings: LocalEmbeddings | RemoteEmbeddings,
    *,
    max_concurrent: int,
    timeout_seconds: float,
    callbacks: tuple[BaseCallbackHandler, ...] = (),
) -> AsyncIterator[Engine]:
    event_log = EventLog(database, cache)
    workshop = Workshop(database, event_log, catalog, embeddings, timeout_seconds, callbacks)
    executor = Executor(database, cache, lambda claim: Execution(workshop, claim), max_concurrent=max_concurrent)
    async with executor.working():
        yield Engine(database, cache, event_log, catalog, toolbox, executor, embeddings)

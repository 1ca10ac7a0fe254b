"""One execution of a run: from its claim to its end, or to the moment another executor has to go on."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot
from psycopg import DataError

from agents.events.log import EventLog
from agents.events.writer import EventWriter
from agents.execution import endings
from agents.execution.config import config_of, continues, input_of, newest
from agents.execution.endings import Ending
from agents.execution.repair import repair
from agents.modes import first, wire_events
from agents.runs import runs
from agents.runs.queue import Cancel, Claim
from agents.runs.runs import Run
from core.db import Database
from core.errors import Unavailable
from graphs.catalog.catalog import Catalog
from graphs.catalog.factories import AnyGraph
from graphs.checkpoints.checkpointer import TenantSaver
from graphs.fence import Fenced
from graphs.store import TenantStore
from retrieval.embeddings import EmbeddingModel
from tools.calls import Caller

log = logging.getLogger(__name__)


# A run that takes its executor down must not do so for ever.
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every execution uses."""

    database: Database
    log: EventLog
    catalog: Catalog
    embeddings: EmbeddingModel
    timeout_seconds: float
    callbacks: tuple[BaseCallbackHandler, ...] = ()


class Execution:
    def __init__(self, workshop: Workshop, claim: Claim) -> None:
        self._workshop = workshop
        self._claim = claim
        self._asked: Cancel | None = claim.cancel
        self._task: asyncio.Task[Any] | None = None
        self._has_begun = False
        self._ends = False

    async def run(self, run: Run | None = None) -> bool:
        """What a graph raises ends its run; when our stores fail, or the claim is lost, the run stays as it is.

        `run` is known to whoever has just accepted it, and has stored its first events. Whether there may be work
        for an executor now.
        """
        self._task = asyncio.current_task()
        self._has_begun = run is not None
        try:
            return await self._run(run or await self._start())
        except (Fenced, Unavailable, asyncio.CancelledError) as error:
            log.warning("left a run to its next claim: %s", type(error).__name__, extra=self._log_fields)
        except Exception:
            log.exception("an execution broke; the run goes on with its next claim", extra=self._log_fields)
        return True

    def cancel(self, action: Cancel) -> None:
        """Ends the run as interrupted, or as if it had never been."""
        if self._asked is None:
            self._asked = action
            self.abandon()

    def abandon(self) -> None:
        """Stops without a trace: another executor goes on from the last checkpoint. What ends already does end."""
        if self._task is not None and not self._ends and not self._task.cancelling():
            self._task.cancel()

    @property
    def _log_fields(self) -> dict[str, Any]:
        return {"tenant_id": self._claim.ctx.tenant_id, "run_id": self._claim.run_id}

    async def _start(self) -> Run:
        async with self._workshop.database.tenant_transaction(self._claim.ctx) as connection:
            return await runs.start(connection, self._claim.ctx, self._claim.run_id)

    async def _run(self, run: Run) -> bool:
        """Whether another run waits for the thread."""
        shop, ctx = self._workshop, self._claim.ctx
        tokens = UsageMetadataCallbackHandler()
        # Otherwise a thread is asked for every token.
        tokens.run_inline = True
        async with EventWriter(shop.log, ctx, self._claim.fence, run.run_id) as writer:
            ending, snapshot = await self._attempt(run, writer, tokens)
            unwritten = await writer.drain()
        self._ends = True
        end = partial(
            endings.end,
            shop.database,
            shop.log,
            shop.catalog.agent_id,
            self._claim,
            run,
            unwritten=unwritten,
            tokens=tokens,
        )
        try:
            return await end(ending, snapshot)
        except DataError:
            # Postgres' text holds no NUL characters: what a graph made of some must not keep its run from ending.
            return await end(endings.UNSTORABLE, None)

    async def _attempt(
        self, run: Run, writer: EventWriter, tokens: UsageMetadataCallbackHandler
    ) -> tuple[Ending, StateSnapshot | None]:
        if self._claim.attempts > MAX_ATTEMPTS:
            return endings.GAVE_UP, None
        shop, ctx = self._workshop, self._claim.ctx
        config = config_of(ctx, run, [tokens, *shop.callbacks])
        saver = TenantSaver(shop.database, ctx, fence=self._claim.fence)
        store = TenantStore(shop.database, ctx, shop.embeddings)
        try:
            caller = Caller(ctx, run.run_id, run.thread_id, run.assistant_id)
            context = shop.catalog.context_for(run.graph_id, caller, run.request.context)
            async with shop.catalog.open(
                run.graph_id,
                config=config,
                access="threads.create_run",
                store=store,
                checkpointer=saver,
                context=context,
            ) as graph:
                ending = await self._execute(Opened(graph, saver, config, context), run, writer)
                # Whoever cancels it from here on comes too late.
                self._ends = True
                await self._forget(saver, run, ending)
                return ending, await graph.aget_state(newest(config))
        except Exception as error:
            if endings.leaves_run_unfinished(error):
                raise
            if self._asked is None or self._ends:
                return endings.failed(error, run), None
            # Its graph could not be opened; to cancel the run none is needed.
            ending = endings.cancelled(self._asked)
            await self._forget(saver, run, ending)
            return ending, None

    async def _forget(self, saver: TenantSaver, run: Run, ending: Ending) -> None:
        if ending.rolls_back:
            await saver.adelete_for_runs([str(run.run_id)], thread_id=str(run.thread_id))

    async def _execute(self, opened: "Opened", run: Run, writer: EventWriter) -> Ending:
        if self._asked is not None:
            return endings.cancelled(self._asked)
        try:
            async with asyncio.timeout(self._workshop.timeout_seconds):
                await self._stream(opened, run, writer)
        except asyncio.CancelledError:
            if self._asked is None:
                raise
            assert self._task is not None, "it was this task that was cancelled"
            self._task.uncancel()
            return endings.cancelled(self._asked)
        except Exception as error:
            if endings.leaves_run_unfinished(error):
                raise
            return endings.failed(error, run)
        return endings.SUCCESS

    async def _stream(self, opened: "Opened", run: Run, writer: EventWriter) -> None:
        if not self._has_begun:
            for name, data in first(run, self._claim.attempts):
                await writer.write(name, data)
        graph, config = opened.graph, opened.config
        input_: Any = None
        if self._claim.attempts > 1 and await continues(opened.saver, config, run):
            config = newest(config)
        else:
            if self._claim.attempts > 1:
                await opened.saver.forget_command(str(run.run_id), thread_id=str(run.thread_id))
            input_ = input_of(run.request)
            config = await repair(graph, config, input_)
        durability = self._workshop.catalog.durability_of(run.graph_id)
        events = wire_events(graph, run, input=input_, config=config, context=opened.context, durability=durability)
        # Closed at once when the run is cancelled, and the model with it.
        async with aclosing(events):
            async for name, data in events:
                await writer.write(name, data)


@dataclass(frozen=True, slots=True)
class Opened:
    """A graph with its memory, and what it is called with."""

    graph: AnyGraph
    saver: TenantSaver
    config: RunnableConfig
    context: Any

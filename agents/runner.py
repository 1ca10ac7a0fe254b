"""The one caller of the graph: turns an accepted run into a stream of typed events."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from agents import runs
from agents.events import RunEnded, RunEvent, RunFailed, RunStarted, Usage
from agents.runs import LEASE_SECONDS, Answer, Run, TokenCount
from agents.steps import told
from core.db import Database
from core.errors import AtriumError, Unavailable
from core.tenancy import TenantContext
from graphs.chat import ChatGraphBuilder
from graphs.checkpointer import TenantSaver, checkpoint_thread_id
from graphs.context import Context
from graphs.state import ChatState

log = logging.getLogger(__name__)

Events = MemoryObjectSendStream[RunEvent]

# A reader slower than the model makes the model wait, not the memory grow.
EVENTS_AHEAD = 256


class Runner:
    """Runs the chat graph for accepted runs, at most `max_concurrent` at a time in this process."""

    def __init__(
        self,
        database: Database,
        graph: ChatGraphBuilder,
        *,
        max_concurrent: int,
        timeout_seconds: float,
        callbacks: tuple[BaseCallbackHandler, ...] = (),
    ) -> None:
        self._database = database
        self._graph: CompiledStateGraph[ChatState, Context, ChatState, ChatState] = graph.compile()
        self._max_concurrent = max_concurrent
        self._accepting = 0
        self._running: set[asyncio.Task[None]] = set()
        self._timeout_seconds = timeout_seconds
        self._callbacks = callbacks

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of this process's places, held while a question is accepted and started.

        Raises `Unavailable` when all are taken.
        """
        if len(self._running) + self._accepting >= self._max_concurrent:
            raise Unavailable(
                "Atrium is answering as many questions as it can; try again in a moment.", code="overloaded"
            )
        self._accepting += 1
        try:
            yield
        finally:
            self._accepting -= 1

    def start(self, ctx: TenantContext, run: Run) -> AsyncIterator[RunEvent]:
        """Starts the run; yields its events, the last of which is `run_ended` or `run_failed`.

        A reader that goes away interrupts the run; the question stays in the thread.
        """
        send, receive = anyio.create_memory_object_stream[RunEvent](EVENTS_AHEAD)
        task = asyncio.create_task(self._execute(ctx, run, send))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return _read(receive, task)

    async def close(self) -> None:
        """Interrupts what still runs and waits until that is written down."""
        for task in self._running:
            if not task.cancelling():
                task.cancel(SERVER_STOPPED.code)
        if self._running:
            await asyncio.wait(self._running)

    async def _execute(self, ctx: TenantContext, run: Run, send: Events) -> None:
        usage = UsageMetadataCallbackHandler()
        async with send:
            try:
                await send.send(RunStarted(run_id=run.run_id, thread_id=run.thread_id))
                async with asyncio.timeout(self._timeout_seconds), self._lease(ctx, run):
                    answer = await self._answer(ctx, run, usage, send)
                await runs.succeed(self._database, ctx, run, answer, _counts(usage))
            except asyncio.CancelledError as cancelled:
                failure = SERVER_STOPPED if SERVER_STOPPED.code in cancelled.args else READER_LEFT
                await _see_through(self._fail(ctx, run, failure, usage))
                raise
            except Exception as error:  # noqa: BLE001 - whatever a graph raises must end its run, not the server
                failure = _failure(error, run)
                await _see_through(self._fail(ctx, run, failure, usage))
                await send.send(RunFailed(run_id=run.run_id, code=failure.code, detail=failure.detail))
            else:
                for count in _counts(usage):
                    await send.send(Usage(**asdict(count)))
                await send.send(RunEnded(run_id=run.run_id))

    async def _answer(
        self, ctx: TenantContext, run: Run, usage: UsageMetadataCallbackHandler, send: Events
    ) -> Answer:
        graph = self._graph.copy({"checkpointer": TenantSaver(self._database, ctx)})
        config: RunnableConfig = {
            "configurable": {"thread_id": checkpoint_thread_id(ctx, run.thread_id)},
            "callbacks": [usage, *self._callbacks],
            "run_id": run.run_id,
        }
        state: dict[str, Any] = {}
        steps = cast(
            AsyncGenerator[tuple[str, Any]],
            graph.astream(
                {"messages": [HumanMessage(run.question)]},
                config,
                context=Context(ctx, run.knowledge_base_ids),
                stream_mode=["updates", "messages"],
                # One write at the end: a run that dies is not resumed yet.
                durability="exit",
            ),
        )
        # Closed at once when the reader leaves, and the model with it.
        async with aclosing(steps):
            async for event in told(steps, state):
                await send.send(event)
        return Answer(state["messages"][-1].text, state["sources"], state["citations"])

    @asynccontextmanager
    async def _lease(self, ctx: TenantContext, run: Run) -> AsyncIterator[None]:
        async def renew() -> None:
            while True:
                await asyncio.sleep(LEASE_SECONDS / 3)
                try:
                    await runs.renew_lease(self._database, ctx, run)
                except Unavailable:
                    log.warning("could not renew a run's lease", extra=_log_fields(ctx, run))

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()

    async def _fail(
        self, ctx: TenantContext, run: Run, failure: "_Failure", usage: UsageMetadataCallbackHandler
    ) -> None:
        try:
            await runs.fail(self._database, ctx, run, failure.status, failure.code, _counts(usage))
        except Unavailable:
            # The lease runs out by itself; the thread is free again then.
            log.exception("could not record a run's end", extra=_log_fields(ctx, run))


async def _read(receive: MemoryObjectReceiveStream[RunEvent], task: asyncio.Task[None]) -> AsyncIterator[RunEvent]:
    try:
        async with receive:
            async for event in receive:
                yield event
    finally:
        task.cancel()


@dataclass(frozen=True, slots=True)
class _Failure:
    status: runs.Failure
    code: str
    detail: str


READER_LEFT = _Failure("interrupted", "client_disconnected", "The reader went away.")
SERVER_STOPPED = _Failure("interrupted", "server_stopped", "Atrium was stopped; ask again.")


async def _see_through(work: Coroutine[Any, Any, None]) -> None:
    """A cancellation waits until `work` is done."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _failure(error: Exception, run: Run) -> _Failure:
    if isinstance(error, TimeoutError):
        return _Failure("timeout", "run_timeout", "The answer took too long; ask again, or ask for less at once.")
    if isinstance(error, AtriumError):
        return _Failure("error", error.code, error.detail)
    log.error("a run failed", exc_info=error, extra={"run_id": run.run_id})
    return _Failure("error", "internal_error", f"Something went wrong on our side; quote run {run.run_id}.")


def _counts(usage: UsageMetadataCallbackHandler) -> list[TokenCount]:
    return [
        TokenCount(model, count["input_tokens"], count["output_tokens"])
        for model, count in usage.usage_metadata.items()
    ]


def _log_fields(ctx: TenantContext, run: Run) -> dict[str, Any]:
    return {"tenant_id": ctx.tenant_id, "run_id": run.run_id}

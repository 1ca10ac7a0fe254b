"""What a graph remembers between its steps: LangGraph's saver contract on tables that know their tenant."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver, Conn
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from core.db import Connection, Database
from core.tenancy import TenantContext
from graphs.checkpoints import delta_channels, retention
from graphs.checkpoints import rows as checkpoint_rows
from graphs.checkpoints.rows import Place, Statement
from graphs.checkpoints.series import Tail, is_inline, pieces
from graphs.fence import Fence, Fenced, hold

_RANDOM_BITS = 32
_PAGE = 32


class TenantSaver(AsyncPostgresSaver):
    """One tenant's checkpoints. Cheap to make: one for each run; every operation is a short transaction of its own.

    fence: writes raise `Fenced`, and leave nothing, once another executor has claimed the thread.
    allowed: types of a graph's state, beside LangGraph's own and LangChain's messages, that may be made again when a
    checkpoint is read; a value of any other type comes back as the plain data it was stored as.
    """

    def __init__(
        self,
        database: Database,
        ctx: TenantContext,
        *,
        fence: Fence | None = None,
        allowed: Collection[type | tuple[str, ...]] = (),
    ) -> None:
        # None of the stock connection handling is used.
        super().__init__(cast(Conn, None), serde=JsonPlusSerializer(allowed_msgpack_modules=tuple(allowed) or None))
        self._database = database
        self._ctx = ctx
        self._fence = fence
        # What is known to be stored: the next checkpoint adds to it without reading it again.
        self._tails: dict[Place, dict[str, Tail]] = {}
        # Behind a fence the newest rows stay as they were first read, until we write ourselves.
        self._found: dict[Place, DictRow | None] = {}
        self._has_written = asyncio.Event()

    async def setup(self) -> None:
        """The migrations have made the tables."""

    def get_next_version(self, current: int | str | None, channel: None) -> Any:
        """A number that grows, and whose low bits tell branches apart that grow from the same checkpoint."""
        if isinstance(current, str):
            return super().get_next_version(current, channel)
        step = (current or 0) >> _RANDOM_BITS
        return (step + 1 << _RANDOM_BITS) + random.getrandbits(_RANDOM_BITS)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        place, checkpoint_id = Place.of(config), get_checkpoint_id(config)
        if checkpoint_id is None and place in self._found and not self._has_written.is_set():
            row = self._found[place]
        else:
            row = await self._row(place, checkpoint_id)
        if row is None:
            return None
        found, self._tails[place] = checkpoint_rows.loaded(row, self.serde)
        return found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Newest first. Read page by page, so that a long history is never in memory at once."""
        where, parameters = self._matching(config, filter, before)
        last: tuple[str, ...] | None = None
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(_PAGE, limit)
            page = await self._page(where, parameters, last, size)
            for row in page:
                yield checkpoint_rows.loaded(row, self.serde)[0]
            if len(page) < size:
                return
            last = tuple(page[-1][column] for column in ("checkpoint_id", "thread_id", "checkpoint_ns"))
            limit = None if limit is None else limit - size

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        place = Place.of(config)
        tails = self._tails.get(place, {})
        try:
            grown = await self._put(config, checkpoint, metadata, new_versions, tails)
        except UniqueViolation:
            # Another branch went on from where this one does: what is ours begins series of its own.
            grown = await self._put(config, checkpoint, metadata, new_versions, {})
        self._tails[place] = {**tails, **grown}
        return place.config(checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        if not writes:
            return
        configurable = config["configurable"]
        await self._write(
            *checkpoint_rows.put_writes(
                self._ctx,
                self._fence,
                Place.of(config),
                configurable["checkpoint_id"],
                configurable.get("run_id"),
                (task_id, task_path),
                writes,
                self.serde,
            )
        )

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        if not channels:
            return {}
        async with self._database.tenant_transaction(self._ctx, snapshot=True) as connection:
            return await delta_channels.history(
                connection, self._ctx, Place.of(config), get_checkpoint_id(config), channels, self.serde
            )

    async def adelete_thread(self, thread_id: str) -> None:
        await self.aprune([thread_id], strategy="delete")

    async def adelete_for_runs(self, run_ids: Sequence[str], *, thread_id: str | None = None) -> None:
        """With `thread_id` only that thread is searched; without, every checkpoint of the tenant."""
        self._tails.clear()
        async with self._writing() as connection:
            await retention.forget_runs(connection, self._ctx, run_ids, thread_id=thread_id)

    async def forget_command(self, run_id: str, *, thread_id: str) -> None:
        """What a run that is to begin again was given, and applied to a checkpoint before its own first."""
        async with self._writing() as connection:
            await retention.forget_command(connection, self._ctx, run_id, thread_id=thread_id)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        async with self._writing() as connection:
            await retention.copy(connection, self._ctx, source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Raises `ValueError` for a strategy other than `keep_latest` and `delete`."""
        if strategy not in ("keep_latest", "delete"):
            raise ValueError(f"unknown prune strategy: {strategy!r}")
        self._tails.clear()
        async with self._writing() as connection:
            for thread_id in thread_ids:
                if strategy == "delete":
                    await retention.forget(connection, self._ctx, thread_id)
                else:
                    await retention.keep_latest(connection, self._ctx, thread_id)

    async def _row(self, place: Place, checkpoint_id: str | None) -> DictRow | None:
        async with self._database.tenant_pipeline(self._ctx) as connection:
            cursor = await checkpoint_rows.execute(connection, checkpoint_rows.at(self._ctx, place, checkpoint_id))
        row = await cursor.fetchone()
        if self._fence is not None and checkpoint_id is None:
            self._found[place] = row
        return row

    async def _put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
        tails: Mapping[str, Tail],
    ) -> dict[str, Tail]:
        """Returns the tails that are stored now."""
        values = checkpoint["channel_values"]
        slim = {**checkpoint, "channel_values": {name: value for name, value in values.items() if is_inline(value)}}
        described = get_serializable_checkpoint_metadata(config, metadata)
        new, grown = pieces(values, new_versions, tails, self.serde)
        place, parent_id = Place.of(config), get_checkpoint_id(config)
        await self._write(checkpoint_rows.put(self._ctx, self._fence, place, parent_id, slim, described, new))
        return grown

    async def _write(self, *statements: Statement) -> None:
        self._has_written.set()
        async with self._database.tenant_pipeline(self._ctx) as connection:
            written = [await checkpoint_rows.execute(connection, statement) for statement in statements]
        if any(cursor.rowcount == 0 for cursor in written):
            raise Fenced

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Connection]:
        self._has_written.set()
        async with self._database.tenant_transaction(self._ctx) as connection:
            if self._fence is not None:
                await hold(connection, self._ctx, self._fence)
            yield connection

    def _matching(
        self, config: RunnableConfig | None, filter: dict[str, Any] | None, before: RunnableConfig | None
    ) -> tuple[LiteralString, list[Any]]:
        where: LiteralString = "WHERE c.tenant_id = %s"
        parameters: list[Any] = [self._ctx.tenant_id]
        if config is not None:
            configurable = config["configurable"]
            where += " AND c.thread_id = %s"
            parameters.append(str(configurable["thread_id"]))
            if (namespace := configurable.get("checkpoint_ns")) is not None:
                where += " AND c.checkpoint_ns = %s"
                parameters.append(namespace)
            if checkpoint_id := get_checkpoint_id(config):
                where += " AND c.checkpoint_id = %s"
                parameters.append(checkpoint_id)
        if filter:
            where += " AND c.metadata @> %s"
            parameters.append(Jsonb(filter))
        if before is not None:
            where += " AND c.checkpoint_id < %s"
            parameters.append(get_checkpoint_id(before))
        return where, parameters

    async def _page(
        self, where: LiteralString, parameters: list[Any], last: tuple[str, ...] | None, size: int
    ) -> list[dict[str, Any]]:
        if last is not None:
            where += " AND (c.checkpoint_id, c.thread_id, c.checkpoint_ns) < (%s, %s, %s)"
            parameters = [*parameters, *last]
        order: LiteralString = " ORDER BY c.checkpoint_id DESC, c.thread_id DESC, c.checkpoint_ns DESC LIMIT %s"
        statement = (f"{checkpoint_rows.SELECT} {where} {order}", [*parameters, size])
        async with self._database.tenant_pipeline(self._ctx) as connection:
            cursor = await checkpoint_rows.execute(connection, statement)
        return await cursor.fetchall()

"""Conversation memory: LangGraph's Postgres saver, walking through the tenant's door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver, Conn
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg import AsyncCursor
from psycopg.rows import DictRow, dict_row

from core.db import Connection, Database
from core.tenancy import TenantContext


def checkpoint_thread_id(ctx: TenantContext, thread_id: UUID) -> str:
    """The saver's tables have no tenant column: the tenant leads the id, and their policies read it there."""
    return f"{ctx.tenant_id}:{thread_id}"


async def forget(connection: Connection, ctx: TenantContext, thread_id: UUID) -> None:
    """Deletes a thread's memory in the caller's transaction, together with the thread."""
    for delete in (
        "DELETE FROM checkpoints WHERE thread_id = %s",
        "DELETE FROM checkpoint_blobs WHERE thread_id = %s",
        "DELETE FROM checkpoint_writes WHERE thread_id = %s",
    ):
        await connection.execute(delete, (checkpoint_thread_id(ctx, thread_id),))


class TenantSaver(AsyncPostgresSaver):
    """Cheap to make: one for each run. Every operation is a short transaction of its own."""

    def __init__(self, database: Database, ctx: TenantContext) -> None:
        # None of the stock connection handling is used: `_cursor` is its only caller.
        super().__init__(cast(Conn, None), serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._database = database
        self._ctx = ctx

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        async with self._database.tenant_transaction(self._ctx) as connection:
            cursor: Any = connection.cursor(binary=True, row_factory=dict_row)
            if pipeline:
                async with connection.pipeline(), cursor:
                    yield cursor
            else:
                async with cursor:
                    yield cursor

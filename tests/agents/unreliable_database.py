"""A real database over connections that break when they are told to."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal

from core.db import Connection, Database
from core.errors import Unavailable
from core.tenancy import TenantContext

Fault = Literal["none", "dies before the commit", "commits unheard", "away"]


class UnreliableDatabase:
    """Each transaction takes the next fault; after the last there are none."""

    def __init__(self, database: Database, faults: list[Fault]) -> None:
        self._database = database
        self._faults = iter(faults)

    def tenant_transaction(self, ctx: TenantContext) -> AbstractAsyncContextManager[Connection]:
        return self._faulty(self._database.tenant_transaction(ctx))

    def tenant_pipeline(self, ctx: TenantContext) -> AbstractAsyncContextManager[Connection]:
        return self._faulty(self._database.tenant_pipeline(ctx))

    @asynccontextmanager
    async def _faulty(self, opened: AbstractAsyncContextManager[Connection]) -> AsyncIterator[Connection]:
        fault = next(self._faults, "none")
        if fault == "away":
            raise Unavailable("away", code="database_unavailable")
        async with opened as connection:
            yield connection
            if fault == "dies before the commit":
                await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        if fault == "commits unheard":
            raise Unavailable("cut", code="database_unavailable")

"""The two doors to Postgres: one opens on a single tenant's rows, the other only on identities."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any

from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection, OperationalError, errors, sql
from psycopg import Connection as SyncConnection
from psycopg import Error as PostgresError
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from core.errors import OperatorError, Unavailable
from core.tenancy import TenantContext

Connection = AsyncConnection[DictRow]
BlockingConnection = SyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]
Statement = sql.SQL | sql.Composed

START_SECONDS = 30.0

# One simple-protocol message: the transaction opens and knows its tenant in a single round trip.
_BEGIN_FOR_TENANT = sql.SQL("BEGIN {mode}; SELECT set_config('app.tenant_id', {tenant_id}, true)")
_READ_WRITE = sql.SQL("")
_SNAPSHOT = sql.SQL("ISOLATION LEVEL REPEATABLE READ READ ONLY")
_SET_TENANT = "SELECT set_config('app.tenant_id', %s, true)"

# How the SQLSTATEs begin of a connection that broke, and of a server that shuts down or starts.
_AWAY = ("08", "57P")
_TRY_AGAIN = (
    errors.TooManyConnections,
    # A server so busy that a statement ran into its timeout: what a run has done must not be lost for that.
    errors.QueryCanceled,
    # The end of a connection whose process was stopped in the middle.
    errors.IdleInTransactionSessionTimeout,
    # Nothing of the victim's has happened, and the other one goes on: at the next try it is out of the way.
    errors.DeadlockDetected,
)


class Database:
    """Pools for the two application roles; open it with `async with`."""

    def __init__(self, app_url: str, auth_url: str, *, pool_size: int) -> None:
        self._app_url = app_url
        self._app = _pool(app_url, pool_size, register=True)
        self._auth = _pool(auth_url, max(2, pool_size // 3), register=False)

    async def __aenter__(self) -> "Database":
        try:
            await self._app.open(wait=True, timeout=START_SECONDS)
            await self._auth.open(wait=True, timeout=START_SECONDS)
        except PoolTimeout as exc:
            await self.__aexit__()
            raise OperatorError(
                "Postgres does not let us in; check ATRIUM_DATABASE_URL, ATRIUM_AUTH_DATABASE_URL and its log."
            ) from exc
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._auth.close()
        await self._app.close()

    @asynccontextmanager
    async def tenant_transaction(
        self, ctx: TenantContext, *, snapshot: bool = False, prepared: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction as `atrium_app` that sees the rows of `ctx.tenant_id` and no others.

        `snapshot=True` makes it read-only and repeatable: every statement sees the same moment.
        `prepared=True` is for hot statements that are literal: the connection keeps their plans.
        """
        begin = _BEGIN_FOR_TENANT.format(
            mode=_SNAPSHOT if snapshot else _READ_WRITE, tenant_id=sql.Literal(str(ctx.tenant_id))
        )
        async with _begun(self._app, begin) as connection:
            with _keeping_plans(connection) if prepared else nullcontext():
                yield connection

    @asynccontextmanager
    async def tenant_pipeline(self, ctx: TenantContext) -> AsyncIterator[Connection]:
        """A prepared `tenant_transaction` in one round trip: no statement waits for the one before it.

        They commit, or raise, when the block ends; their rows may be fetched after that, and counts are known then.
        """
        async with _borrowed(self._app, _expect_silence) as connection, connection.pipeline():
            try:
                with _keeping_plans(connection):
                    await connection.execute(_SET_TENANT, (str(ctx.tenant_id),))
                    yield connection
            except BaseException:
                # The end of the pipeline would commit what was sent.
                await connection.close()
                raise

    @asynccontextmanager
    async def auth_transaction(self) -> AsyncIterator[Connection]:
        """A transaction as `atrium_auth`: identity tables only, before a tenant is known."""
        async with _begun(self._auth, sql.SQL("BEGIN")) as connection:
            yield connection

    @asynccontextmanager
    async def untenanted_connection(self) -> AsyncIterator[Connection]:
        """The unsafe sibling: autocommit as `atrium_app` with no tenant set, so every tenant table is empty.

        For the catalogue checks at start-up and for health checks.
        """
        async with _begun(self._app, sql.SQL("")) as connection:
            yield connection

    def connect_blocking(self, name: str, *, timeout_seconds: float) -> BlockingConnection:
        """An untenanted, autocommitting connection for a thread that must not wait for the event loop.

        Its owner closes it. `name` is what Postgres lists it as; errors are psycopg's own.
        """
        milliseconds = int(timeout_seconds * 1000)
        return SyncConnection.connect(
            self._app_url,
            autocommit=True,
            row_factory=dict_row,
            application_name=name,
            connect_timeout=2,
            tcp_user_timeout=milliseconds,
            options=f"-c statement_timeout={milliseconds}ms",
        )


@contextmanager
def _keeping_plans(connection: Connection) -> Iterator[None]:
    connection.prepare_threshold = 0
    try:
        yield
    finally:
        connection.prepare_threshold = None


@asynccontextmanager
async def _begun(pool: Pool, begin: Statement) -> AsyncIterator[Connection]:
    """A connection on which `begin` has run. Commits at the end, rolls back on an error."""

    async def run(connection: Connection) -> None:
        await connection.execute(begin)

    async with _borrowed(pool, run) as connection, connection:
        yield connection


async def _expect_silence(connection: Connection) -> None:
    """Raises `OperationalError` when Postgres has closed the connection, without a round trip."""
    # The first look takes in what it said when it closed, the second sees that it did.
    connection.pgconn.consume_input()
    connection.pgconn.consume_input()


@asynccontextmanager
async def _borrowed(pool: Pool, prove: Callable[[Connection], Awaitable[None]]) -> AsyncIterator[Connection]:
    """A connection of the pool which `prove` has shown to be alive."""
    try:
        with _heeding_cancellation():
            connection = await _live(pool, prove)
            try:
                yield connection
            finally:
                await pool.putconn(connection)
    except PostgresError as exc:
        if not _passes_by_itself(exc):
            raise
        raise Unavailable(
            "The database does not answer; try again in a moment.", code="database_unavailable"
        ) from exc


@contextmanager
def _heeding_cancellation() -> Iterator[None]:
    """In Python 3.11 `asyncio.wait_for`, by which the pool waits, swallows a cancellation that meets its result."""
    task = asyncio.current_task()
    asked = 0 if task is None else task.cancelling()
    yield
    if task is not None and task.cancelling() > asked:
        raise asyncio.CancelledError


def _passes_by_itself(error: PostgresError) -> bool:
    """Whether the connection or the server was away or too busy: a full disk is told as what it is."""
    if error.sqlstate is None:
        # psycopg's own: the connection broke, or the pool gave none; a pipeline aborts for an error told before.
        return isinstance(error, OperationalError) and not isinstance(error, errors.PipelineAborted)
    return isinstance(error, _TRY_AGAIN) or error.sqlstate.startswith(_AWAY)


async def _live(pool: Pool, prove: Callable[[Connection], Awaitable[None]]) -> Connection:
    """After a restart of Postgres every pooled connection is dead: each is put back, which replaces it."""
    for others_left in range(pool.max_size, -1, -1):
        connection = await pool.getconn()
        try:
            await prove(connection)
            return connection
        except BaseException as error:
            await pool.putconn(connection)
            died = connection.closed and isinstance(error, OperationalError)
            if not (died and others_left):
                raise
    raise AssertionError("the last round returns or raises")


def _pool(url: str, size: int, *, register: bool) -> Pool:
    async def configure(connection: AsyncConnection[Any]) -> None:
        if register:
            await register_vector_async(connection)

    return AsyncConnectionPool(
        url,
        min_size=2,
        max_size=size,
        open=False,
        timeout=10,
        configure=configure,
        connection_class=Connection,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            # Named plans outlive the literal tenant and slot they were made for.
            "prepare_threshold": None,
            # A process that was stopped in a transaction must not hold its locks for long.
            "options": "-c statement_timeout=30s -c idle_in_transaction_session_timeout=10s",
        },
    )

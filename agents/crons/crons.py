"""Crons: runs that start by themselves, on a thread or each on a new one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from agents.assistants import assistants
from agents.crons import jobs as cron_jobs
from agents.crons.schedule import next_after
from agents.ownership import REACHED, reach
from agents.runs.request import RunRequest
from agents.runs.runs import MultitaskStrategy
from agents.threads import threads
from core.db import Connection
from core.errors import Conflict, NotFound
from core.tenancy import TenantContext
from graphs.catalog.catalog import Catalog

MAX_PER_TENANT = 1000

OnRunCompleted = Literal["delete", "keep"]


class CronRequest(RunRequest):
    """What each of a cron's runs is asked to do, and what happens when the one before has not ended."""

    multitask_strategy: MultitaskStrategy = "enqueue"


@dataclass(frozen=True, slots=True)
class Timing:
    """`schedule` and `timezone` as in `agents.crons.schedule`; nothing starts after `end_time`."""

    schedule: str
    timezone: str | None = None
    end_time: datetime | None = None
    enabled: bool = True

    def next_date(self, after: datetime) -> datetime | None:
        """None when it is disabled or over. Raises `InvalidSchedule`."""
        due = next_after(self.schedule, self.timezone, after)
        return due if self.enabled and (self.end_time is None or due <= self.end_time) else None


@dataclass(frozen=True, slots=True)
class Cron:
    """`thread_id` is None when each run gets a thread of its own; `on_run_completed` says what becomes of those."""

    cron_id: UUID
    user_id: UUID
    role: str
    assistant_id: UUID
    thread_id: UUID | None
    timing: Timing
    request: CronRequest
    metadata: dict[str, Any]
    on_run_completed: OnRunCompleted | None
    next_run_date: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """`timing` and `request` name the fields that get another value; `metadata` is merged."""

    timing: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    on_run_completed: OnRunCompleted | None = None


COLUMNS: LiteralString = (
    "cron_id, user_id, role, assistant_id, thread_id, schedule, timezone, end_time, enabled, request, metadata, "
    "on_run_completed, next_run_date, created_at, updated_at"
)


def from_row(row: Mapping[str, Any]) -> Cron:
    kept = dict(row)
    timing = Timing(*(kept.pop(name) for name in ("schedule", "timezone", "end_time", "enabled")))
    return Cron(**kept | {"timing": timing, "request": CronRequest.model_validate(kept["request"])})


async def create(
    connection: Connection,
    ctx: TenantContext,
    catalog: Catalog,
    assistant: str,
    timing: Timing,
    request: CronRequest,
    *,
    thread_id: UUID | None = None,
    metadata: dict[str, Any] | None = None,
    on_run_completed: OnRunCompleted = "delete",
) -> Cron:
    """`assistant` is its id or that of a graph.

    Raises `NotFound`, `InvalidSchedule`, and `Conflict` when the tenant has as many as it may.
    """
    found = await assistants.resolve(connection, ctx, catalog, assistant)
    if thread_id is not None:
        await threads.require(connection, ctx, thread_id)
    await _require_room(connection, ctx)
    now = datetime.now(UTC)
    cron = Cron(
        uuid7(),
        ctx.user_id,
        ctx.role,
        found.assistant_id,
        thread_id,
        timing,
        request,
        metadata or {},
        on_run_completed if thread_id is None else None,
        timing.next_date(now),
        now,
        now,
    )
    await connection.execute(
        f"INSERT INTO crons (tenant_id, {COLUMNS}) VALUES (%(tenant_id)s, %(cron_id)s, %(user_id)s, %(role)s, "
        "%(assistant_id)s, %(thread_id)s, %(schedule)s, %(timezone)s, %(end_time)s, %(enabled)s, %(request)s, "
        "%(metadata)s, %(on_run_completed)s, %(next_run_date)s, %(created_at)s, %(updated_at)s)",
        {"tenant_id": ctx.tenant_id, **_columns(cron)},
    )
    await cron_jobs.defer(connection, ctx, cron.cron_id, cron.next_run_date)
    return cron


async def get(connection: Connection, ctx: TenantContext, cron_id: UUID) -> Cron:
    """Raises `NotFound` unless it is the caller's own or, for an admin, the tenant's."""
    return await _find(connection, reach(ctx, by_role=True), cron_id)


async def update(connection: Connection, ctx: TenantContext, cron_id: UUID, change: Change) -> Cron:
    """By nobody but its owner, in whose name it runs. Raises `NotFound` and `InvalidSchedule`."""
    before = await _find(connection, reach(ctx, by_role=False), cron_id, locking=" FOR UPDATE")
    now = datetime.now(UTC)
    timing = replace(before.timing, **change.timing)
    after = replace(
        before,
        timing=timing,
        request=before.request.model_copy(update=dict(change.request)),
        metadata={**before.metadata, **change.metadata},
        on_run_completed=(change.on_run_completed or before.on_run_completed) if before.thread_id is None else None,
        next_run_date=timing.next_date(now) if change.timing else before.next_run_date,
        updated_at=now,
    )
    await connection.execute(
        "UPDATE crons SET schedule = %(schedule)s, timezone = %(timezone)s, end_time = %(end_time)s, "
        "enabled = %(enabled)s, request = %(request)s, metadata = %(metadata)s, updated_at = %(updated_at)s, "
        "on_run_completed = %(on_run_completed)s, next_run_date = %(next_run_date)s "
        "WHERE tenant_id = %(tenant_id)s AND cron_id = %(cron_id)s",
        {"tenant_id": ctx.tenant_id, **_columns(after)},
    )
    if after.next_run_date != before.next_run_date:
        await cron_jobs.withdraw(connection, ctx, cron_id, before.next_run_date)
        await cron_jobs.defer(connection, ctx, cron_id, after.next_run_date)
    return after


async def delete(connection: Connection, ctx: TenantContext, cron_id: UUID) -> None:
    """Runs that it has started go on. Raises `NotFound`."""
    rows = await connection.execute(
        f"DELETE FROM crons WHERE {REACHED} AND cron_id = %(cron_id)s RETURNING next_run_date",
        {**reach(ctx, by_role=True), "cron_id": cron_id},
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("cron")
    await cron_jobs.withdraw(connection, ctx, cron_id, row["next_run_date"])


async def _find(
    connection: Connection, reached: Mapping[str, Any], cron_id: UUID, *, locking: LiteralString = ""
) -> Cron:
    rows = await connection.execute(
        f"SELECT {COLUMNS} FROM crons WHERE {REACHED} AND cron_id = %(cron_id)s{locking}",
        {**reached, "cron_id": cron_id},
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("cron")
    return from_row(row)


async def _require_room(connection: Connection, ctx: TenantContext) -> None:
    rows = await connection.execute("SELECT count(*) AS n FROM crons WHERE tenant_id = %s", (ctx.tenant_id,))
    row = await rows.fetchone()
    if row is not None and row["n"] >= MAX_PER_TENANT:
        raise Conflict(f"A tenant may have at most {MAX_PER_TENANT} crons; delete one first.", code="too_many_crons")


def _columns(cron: Cron) -> dict[str, Any]:
    values = asdict(cron)
    return {
        **values,
        **values.pop("timing"),
        "request": Jsonb(cron.request.model_dump(mode="json")),
        "metadata": Jsonb(cron.metadata),
    }

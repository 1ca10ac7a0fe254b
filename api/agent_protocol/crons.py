"""`/runs/crons`: runs that start by themselves."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from agents import untrusted
from agents.crons import crons
from agents.crons import search as cron_search
from agents.crons.search import Filter
from api.agent_protocol import paging
from api.agent_protocol.body import JsonRoute
from api.agent_protocol.cron_bodies import (
    CronCountRequest,
    CronCreate,
    CronPatch,
    CronSearch,
    ShownCron,
    ThreadCronCreate,
)
from api.agent_protocol.webhook_urls import check_webhook
from api.dependencies import Allow, Rooms
from core.tenancy import TenantContext
from tenants.permissions import Permission

router = APIRouter(tags=["Crons"], route_class=JsonRoute)

Reader = Annotated[TenantContext, Depends(Allow(Permission.THREADS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.THREADS_WRITE))]


@router.post("/threads/{thread_id}/runs/crons", summary="Create Thread Cron")
async def create_on_thread(rooms: Rooms, ctx: Writer, thread_id: UUID, body: ThreadCronCreate) -> ShownCron:
    """Every run is on this thread."""
    return await _create(rooms, ctx, body, thread_id=thread_id)


@router.post("/runs/crons", summary="Create Cron")
async def create(rooms: Rooms, ctx: Writer, body: CronCreate) -> ShownCron:
    """Every run gets a thread of its own."""
    return await _create(rooms, ctx, body, on_run_completed=body.on_run_completed)


@router.post("/runs/crons/search", response_model=list[ShownCron], summary="Search Crons")
async def search(rooms: Rooms, ctx: Reader, body: CronSearch) -> Response:
    """A member's own; for admins, the tenant's."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        found = await cron_search.search(
            connection,
            ctx,
            _filter(body),
            limit=body.limit + 1,
            offset=body.offset,
            sort_by=body.sort_by,
            sort_order=body.sort_order,
        )
    shown = [ShownCron.of(cron) for cron in found[: body.limit]]
    include: set[str] | None = set(body.select) if body.select else None
    response = JSONResponse([cron.model_dump(mode="json", include=include) for cron in shown])
    paging.say_where(response, offset=body.offset, shown=len(shown), more=len(found) > body.limit)
    return response


@router.post("/runs/crons/count", summary="Count Crons")
async def count(rooms: Rooms, ctx: Reader, body: CronCountRequest) -> int:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await cron_search.count(connection, ctx, _filter(body))


@router.get("/runs/crons/{cron_id}", summary="Get Cron")
async def get(rooms: Rooms, ctx: Reader, cron_id: UUID) -> ShownCron:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return ShownCron.of(await crons.get(connection, ctx, cron_id))


@router.patch("/runs/crons/{cron_id}", summary="Update Cron")
async def update(rooms: Rooms, ctx: Writer, cron_id: UUID, body: CronPatch) -> ShownCron:
    """By its owner only, in whose name it runs."""
    check_webhook(rooms, ctx, body.webhook)
    change = body.change()
    async with rooms.database.tenant_transaction(ctx) as connection:
        return ShownCron.of(await crons.update(connection, ctx, cron_id, change))


@router.delete("/runs/crons/{cron_id}", status_code=204, summary="Delete Cron")
async def delete(rooms: Rooms, ctx: Writer, cron_id: UUID) -> None:
    """Runs that it has started go on."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        await crons.delete(connection, ctx, cron_id)


async def _create(
    rooms: Rooms,
    ctx: TenantContext,
    body: ThreadCronCreate,
    *,
    thread_id: UUID | None = None,
    on_run_completed: crons.OnRunCompleted = "delete",
) -> ShownCron:
    check_webhook(rooms, ctx, body.webhook)
    request = body.request()
    async with rooms.database.tenant_transaction(ctx) as connection:
        created = await crons.create(
            connection,
            ctx,
            rooms.engine.catalog,
            str(body.assistant_id),
            body.timing(),
            request,
            thread_id=thread_id,
            metadata=body.labels(),
            on_run_completed=on_run_completed,
        )
    return ShownCron.of(created)


def _filter(body: CronCountRequest) -> Filter:
    labels = body.metadata or {}
    untrusted.storable(labels, "metadata")
    enabled = body.enabled if isinstance(body, CronSearch) else None
    return Filter(body.assistant_id, body.thread_id, enabled, labels)

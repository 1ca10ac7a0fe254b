"""`/health/live`, `/health/ready`, `/metrics`."""

import asyncio
from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from api.dependencies import Rooms, public
from core.errors import AtriumError

router = APIRouter(tags=["health"], dependencies=[Depends(public)])

CHECK_SECONDS = 2.0


class Live(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Each dependency by name. `degraded` still serves: limits and progress steps are off without Valkey."""

    status: Literal["ok", "degraded", "unavailable"]
    dependencies: dict[str, Literal["ok", "unavailable"]]


@router.get("/health/live", summary="Is the process alive")
async def live() -> Live:
    return Live()


@router.get("/health/ready", responses={503: {"model": Ready}}, summary="Is every dependency there")
async def ready(rooms: Rooms, response: Response) -> Ready:
    async def postgres() -> None:
        async with rooms.database.untenanted_connection() as connection:
            await connection.execute("SELECT 1")

    async def identities() -> None:
        async with rooms.database.auth_transaction() as connection:
            await connection.execute("SELECT 1")

    names = ("postgres", "identities", "valkey")
    checks = await asyncio.gather(_answers(postgres()), _answers(identities()), _answers(rooms.cache.ping()))
    found = dict(zip(names, checks, strict=True))
    if found["postgres"] == "unavailable" or found["identities"] == "unavailable":
        response.status_code = 503
        return Ready(status="unavailable", dependencies=found)
    return Ready(status="ok" if found["valkey"] == "ok" else "degraded", dependencies=found)


@router.get("/metrics", response_class=Response, summary="Prometheus metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _answers(check: Awaitable[object]) -> Literal["ok", "unavailable"]:
    try:
        await asyncio.wait_for(check, CHECK_SECONDS)
    except (AtriumError, TimeoutError):
        return "unavailable"
    return "ok"

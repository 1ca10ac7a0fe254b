"""`/ok` and `/info`: what LangGraph's clients look at before anything else."""

import importlib.metadata
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from api.dependencies import Rooms, public

router = APIRouter(tags=["System"], dependencies=[Depends(public)])

# The Agent Server whose protocol this is: Studio decides by it what it can offer.
PROTOCOL_VERSION = "0.16.7"


class HealthResponse(BaseModel):
    ok: Literal[True] = True


class ServerInfo(BaseModel):
    """`flags` are what the server can do; `host` and `metadata` say where it runs."""

    version: str = PROTOCOL_VERSION
    langgraph_py_version: str = importlib.metadata.version("langgraph")
    flags: dict[str, bool] = {
        "assistants": True,
        "crons": True,
        "langsmith": False,
        "langsmith_tracing_replicas": False,
        "langsmith_tracing_session_on_runs": False,
    }
    host: dict[str, Any] = {
        "kind": "self-hosted",
        "project_id": None,
        "host_revision_id": None,
        "revision_id": None,
        "tenant_id": None,
    }
    metadata: dict[str, str] = {"name": "Atrium"}


@router.get("/ok", summary="Is the server there")
async def ok(
    rooms: Rooms, check_db: Annotated[int, Query(ge=0, le=1, description="1 asks the database too.")] = 0
) -> HealthResponse:
    if check_db:
        async with rooms.database.untenanted_connection() as connection:
            await connection.execute("SELECT 1")
    return HealthResponse()


@router.get("/info", summary="What the server can do")
async def info() -> ServerInfo:
    return ServerInfo()

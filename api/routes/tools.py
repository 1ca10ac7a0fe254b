"""`/v1/tools`: register a tool, look at it, make new versions, roll back, switch it off, try it, delete it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import After, Allow, Limit, Rooms
from api.text import Storable
from core.paging import Page
from core.tenancy import TenantContext
from tenants.permissions import Permission
from tools.admin import registering, trying
from tools.builtin.kind import BUILTIN
from tools.calling.attempt import Result
from tools.definitions import LONGEST_DESCRIPTION, NAME_PATTERN, SideEffect, Tool
from tools.registry import tools
from tools.registry.grants import NewGrants
from tools.registry.tools import Registered, Version

router = APIRouter(prefix="/v1/tools", tags=["tools"])
built_in = APIRouter(prefix="/v1/built-in-tools", tags=["tools"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_WRITE))]
ToolName = Annotated[str, Path(pattern=NAME_PATTERN)]

Described = Annotated[
    str, Field(min_length=1, max_length=LONGEST_DESCRIPTION, description="models choose tools by it")
]
Parameters = Annotated[dict[str, Any], Field(description="a JSON Schema of type object")]


class NewTool(BaseModel):
    """An HTTP endpoint; OpenAPI documents and MCP servers bring tools by themselves."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=NAME_PATTERN)
    kind: Literal["http"] = "http"
    description: Described
    parameters: Parameters
    side_effect: SideEffect | None = Field(
        None, description="calls that write are approved, and never repeated; unset, GET and HEAD read, others write"
    )
    grants: NewGrants = ()
    invocation: dict[str, Any] = Field(
        description="how it is called: `method`, `url`, `headers`, `body`, `security`…"
    )


class NewVersion(BaseModel):
    """What is left out stays as in the latest version."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    description: Described | None = None
    parameters: Parameters | None = None
    side_effect: SideEffect | None = None
    invocation: dict[str, Any] | None = None


class ToolChange(BaseModel):
    """`latest` rolls back to a version, or forward again."""

    model_config = ConfigDict(extra="forbid")

    latest: int | None = Field(None, ge=1, lt=2**31)
    enabled: bool | None = None


class TestCall(BaseModel):
    """Nothing is sent unless `call` is true."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    arguments: dict[str, Any] = {}
    call: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """`request` is exactly what is sent, secrets masked; `result` is there when the call was made."""

    request: dict[str, Any]
    result: Result | None


@router.post("", status_code=201, summary="Register a tool")
async def create(rooms: Rooms, ctx: Writer, body: NewTool) -> Registered:
    """Nobody may call it before it is granted: here, or at `POST /v1/tools/{name}/grants`."""
    return await registering.create(
        rooms.engine.toolbox,
        ctx,
        body.name,
        kind=body.kind,
        description=body.description,
        parameters=body.parameters,
        side_effect=body.side_effect,
        invocation=body.invocation,
        new_grants=body.grants,
    )


@router.get("", summary="List tools")
async def list_page(
    rooms: Rooms,
    ctx: Reader,
    cursor: After,
    limit: Limit = 50,
    source: Annotated[str, Query(max_length=200, description="an import or a server"), Storable] | None = None,
) -> Page[Registered]:
    """The tenant's own, the newest first."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await tools.list_page(connection, ctx, cursor=cursor, limit=limit, source=source)


@router.get("/{name}", summary="Get a tool")
async def get(rooms: Rooms, ctx: Reader, name: ToolName) -> Registered:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await tools.get(connection, ctx, name)


@router.patch("/{name}", summary="Roll a tool back, or switch it off or on")
async def change(rooms: Rooms, ctx: Writer, name: ToolName, body: ToolChange) -> Registered:
    if body.latest is not None:
        await registering.set_latest(rooms.engine.toolbox, ctx, name, body.latest)
    async with rooms.database.tenant_transaction(ctx) as connection:
        if body.enabled is not None:
            await tools.set_enabled(connection, ctx, name, enabled=body.enabled)
        return await tools.get(connection, ctx, name)


@router.delete("/{name}", status_code=204, summary="Delete a tool")
async def delete(rooms: Rooms, ctx: Writer, name: ToolName) -> None:
    """With its versions, policy, grants and credentials. What was called stays in the audit."""
    await registering.delete(rooms.engine.toolbox, ctx, name)


@router.get("/{name}/versions", summary="List the versions of a tool")
async def versions(rooms: Rooms, ctx: Reader, name: ToolName) -> list[Version]:
    """The newest first, at most a hundred."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await tools.versions(connection, ctx, name)


@router.post("/{name}/versions", status_code=201, summary="Make a new version of a tool")
async def add_version(rooms: Rooms, ctx: Writer, name: ToolName, body: NewVersion) -> Registered:
    return await registering.add_version(
        rooms.engine.toolbox,
        ctx,
        name,
        description=body.description,
        parameters=body.parameters,
        side_effect=body.side_effect,
        invocation=body.invocation,
    )


@router.post("/{name}/test", summary="Try a tool")
async def test(rooms: Rooms, ctx: Writer, name: ToolName, body: TestCall) -> Tried:
    """Checks the arguments and shows the request; a call that is asked for goes into the audit."""
    toolbox = rooms.engine.toolbox
    request = await trying.preview(toolbox, ctx, name, body.arguments)
    return Tried(request, await trying.trial(toolbox, ctx, name, body.arguments) if body.call else None)


@built_in.get("", summary="List the tools that come with the platform")
async def list_built_in(rooms: Rooms, ctx: Reader) -> list[Tool]:
    """They are granted like any other, and have policies."""
    return list(BUILTIN.values())

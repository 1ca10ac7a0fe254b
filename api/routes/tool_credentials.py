"""`/v1/tools/{name}/credentials`: the secrets that a tenant's members share. They go in, and never out."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Allow, Rooms
from api.routes.tools import ToolName
from core.tenancy import TenantContext
from tenants.permissions import Permission
from tools.admin import connecting
from tools.admin.connecting import Credential, StoredSecret
from tools.credentials import connections
from tools.credentials.authorization import AuthorizationStart

router = APIRouter(prefix="/v1/tools/{name}/credentials", tags=["tools"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_WRITE))]
SchemeId = Annotated[str, Path(pattern=r"^[a-zA-Z0-9_.-]{1,100}$")]
Secret = Annotated[dict[str, Any], Body(description="the scheme's fields, such as `api_key`")]


class Authorize(BaseModel):
    """`redirect_uri` is a page of the client's, to which the browser comes back with `code` and `state`."""

    model_config = ConfigDict(extra="forbid")

    redirect_uri: str = Field(
        max_length=2048,
        pattern=r'^(https://|http://(localhost|127\.0\.0\.1)[:/])[!"$-~]+$',
        examples=["https://app.example.com/connected"],
    )


@router.get("", summary="List the credentials that a tool wants")
async def list_all(rooms: Rooms, ctx: Reader, name: ToolName) -> list[Credential]:
    """A tool that came from an import or a server shares them with the other tools that did."""
    toolbox = rooms.engine.toolbox
    return await connecting.credentials(toolbox, ctx, await connecting.of_tool(toolbox, ctx, name))


@router.put("/{scheme}", summary="Store a credential of a tool")
async def put(rooms: Rooms, ctx: Writer, name: ToolName, scheme: SchemeId, body: Secret) -> StoredSecret:
    """In place of the one before, for every tool of the same import or server; the next call uses it."""
    toolbox = rooms.engine.toolbox
    return await connecting.store(toolbox, ctx, await connecting.of_tool(toolbox, ctx, name), scheme, body)


@router.post("/{scheme}/authorize", summary="Connect an account that all members share")
async def authorize(
    rooms: Rooms, ctx: Writer, name: ToolName, scheme: SchemeId, body: Authorize
) -> AuthorizationStart:
    """Open `url` in a browser; what it comes back with goes to `POST /v1/connections/finish`."""
    toolbox = rooms.engine.toolbox
    owner = await connecting.of_tool(toolbox, ctx, name)
    return await connecting.authorize(toolbox, ctx, owner, scheme, redirect_uri=body.redirect_uri)


@router.delete("/{scheme}", status_code=204, summary="Delete a credential of a tool")
async def delete(rooms: Rooms, ctx: Writer, name: ToolName, scheme: SchemeId) -> None:
    """And what was obtained with it; calls fail until another one is stored."""
    toolbox = rooms.engine.toolbox
    owner = await connecting.of_tool(toolbox, ctx, name)
    await connections.remove(toolbox.database, toolbox.vault, ctx, owner.name, scheme, user_id=None)

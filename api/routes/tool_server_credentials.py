"""`/v1/tool-servers/{server}/credentials` and `/connection`: as of a tool, and before there is one."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.dependencies import Allow, Rooms
from api.routes.tool_credentials import Authorize, SchemeId, Secret
from api.routes.tool_servers import ServerName
from core.tenancy import TenantContext
from tenants.permissions import Permission
from tools.admin import connecting
from tools.admin.connecting import Account, Credential, StoredSecret
from tools.credentials import connections
from tools.credentials.authorization import AuthorizationStart

router = APIRouter(prefix="/v1/tool-servers/{server}", tags=["tools"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_WRITE))]
Member = Annotated[TenantContext, Depends(Allow(Permission.CONNECTIONS))]


@router.get("/credentials", summary="List the credentials that an MCP server wants")
async def list_credentials(rooms: Rooms, ctx: Reader, server: ServerName) -> list[Credential]:
    toolbox = rooms.engine.toolbox
    return await connecting.credentials(toolbox, ctx, await connecting.of_server(toolbox, ctx, server))


@router.put("/credentials/{scheme}", summary="Store a credential of an MCP server")
async def put_credential(
    rooms: Rooms, ctx: Writer, server: ServerName, scheme: SchemeId, body: Secret
) -> StoredSecret:
    """In place of the one before, for all its tools; the next call uses it."""
    toolbox = rooms.engine.toolbox
    return await connecting.store(toolbox, ctx, await connecting.of_server(toolbox, ctx, server), scheme, body)


@router.post("/credentials/{scheme}/authorize", summary="Connect an account that all members share")
async def authorize(
    rooms: Rooms, ctx: Writer, server: ServerName, scheme: SchemeId, body: Authorize
) -> AuthorizationStart:
    """Open `url` in a browser; what it comes back with goes to `POST /v1/connections/finish`."""
    toolbox = rooms.engine.toolbox
    owner = await connecting.of_server(toolbox, ctx, server)
    return await connecting.authorize(toolbox, ctx, owner, scheme, redirect_uri=body.redirect_uri)


@router.delete("/credentials/{scheme}", status_code=204, summary="Delete a credential of an MCP server")
async def delete_credential(rooms: Rooms, ctx: Writer, server: ServerName, scheme: SchemeId) -> None:
    """And what was obtained with it; calls fail until another one is stored."""
    toolbox = rooms.engine.toolbox
    owner = await connecting.of_server(toolbox, ctx, server)
    await connections.remove(toolbox.database, toolbox.vault, ctx, owner.name, scheme, user_id=None)


@router.get("/connection", summary="List the accounts of one's own that an MCP server wants")
async def list_wanted(rooms: Rooms, ctx: Member, server: ServerName) -> list[Account]:
    toolbox = rooms.engine.toolbox
    return await connecting.accounts(toolbox, ctx, await connecting.of_server(toolbox, ctx, server))


@router.put("/connection/{scheme}", summary="Connect an account of one's own")
async def put_own(rooms: Rooms, ctx: Member, server: ServerName, scheme: SchemeId, body: Secret) -> StoredSecret:
    toolbox = rooms.engine.toolbox
    return await connecting.store_own(toolbox, ctx, await connecting.of_server(toolbox, ctx, server), scheme, body)


@router.post("/connection/{scheme}/authorize", summary="Begin to connect an account of one's own by OAuth")
async def authorize_own(
    rooms: Rooms, ctx: Member, server: ServerName, scheme: SchemeId, body: Authorize
) -> AuthorizationStart:
    """Open `url` in a browser; what it comes back with goes to `POST /v1/connections/finish`."""
    toolbox = rooms.engine.toolbox
    owner = await connecting.of_server(toolbox, ctx, server)
    return await connecting.authorize_own(toolbox, ctx, owner, scheme, redirect_uri=body.redirect_uri)


@router.delete("/connection/{scheme}", status_code=204, summary="Disconnect an account of one's own")
async def delete_own(rooms: Rooms, ctx: Member, server: ServerName, scheme: SchemeId) -> None:
    toolbox = rooms.engine.toolbox
    owner = await connecting.of_server(toolbox, ctx, server)
    await connections.remove(toolbox.database, toolbox.vault, ctx, owner.name, scheme, user_id=ctx.user_id)

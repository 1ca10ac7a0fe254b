"""`/v1/connections` and `/v1/tools/{name}/connection`: accounts of a member's own, for tools that ask for them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Allow, Rooms
from api.routes.tool_credentials import Authorize, SchemeId, Secret
from api.routes.tools import ToolName
from core.tenancy import TenantContext
from tenants.permissions import Permission
from tools.admin import connecting
from tools.admin.connecting import Account, StoredSecret
from tools.credentials import connections
from tools.credentials.authorization import AuthorizationStart
from tools.credentials.connections import Connected

router = APIRouter(prefix="/v1/connections", tags=["tools"])
of_tools = APIRouter(prefix="/v1/tools/{name}/connection", tags=["tools"])

Member = Annotated[TenantContext, Depends(Allow(Permission.CONNECTIONS))]


class Returned(BaseModel):
    """What the browser came back with, and the `redirect_uri` that it was sent out with."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    state: str = Field(max_length=200)
    code: str = Field(min_length=1, max_length=4096)
    redirect_uri: str = Field(max_length=2048)
    iss: str | None = Field(None, max_length=2048)


@router.get("", summary="List the accounts one has connected")
async def list_own(rooms: Rooms, ctx: Member) -> list[Connected]:
    """`owner` is `tool:<name>`, or `source:<name>` of an import or a server."""
    return await connections.of_user(rooms.database, rooms.engine.toolbox.vault, ctx)


@router.post("/finish", summary="Finish an authorization")
async def finish(rooms: Rooms, ctx: Member, body: Returned) -> Connected:
    """With the token of whoever began it: no one can be made to connect somebody else's account. Works once."""
    return await connecting.authorizations(rooms.engine.toolbox).finish(
        ctx, state=body.state, code=body.code, redirect_uri=body.redirect_uri, iss=body.iss
    )


@of_tools.get("", summary="List the accounts of one's own that a tool wants")
async def list_wanted(rooms: Rooms, ctx: Member, name: ToolName) -> list[Account]:
    toolbox = rooms.engine.toolbox
    return await connecting.accounts(toolbox, ctx, await connecting.of_tool(toolbox, ctx, name))


@of_tools.put("/{scheme}", summary="Connect an account of one's own")
async def put(rooms: Rooms, ctx: Member, name: ToolName, scheme: SchemeId, body: Secret) -> StoredSecret:
    toolbox = rooms.engine.toolbox
    return await connecting.store_own(toolbox, ctx, await connecting.of_tool(toolbox, ctx, name), scheme, body)


@of_tools.post("/{scheme}/authorize", summary="Begin to connect an account of one's own by OAuth")
async def authorize(
    rooms: Rooms, ctx: Member, name: ToolName, scheme: SchemeId, body: Authorize
) -> AuthorizationStart:
    """Open `url` in a browser; what it comes back with goes to `POST /v1/connections/finish`."""
    toolbox = rooms.engine.toolbox
    owner = await connecting.of_tool(toolbox, ctx, name)
    return await connecting.authorize_own(toolbox, ctx, owner, scheme, redirect_uri=body.redirect_uri)


@of_tools.delete("/{scheme}", status_code=204, summary="Disconnect an account of one's own")
async def delete(rooms: Rooms, ctx: Member, name: ToolName, scheme: SchemeId) -> None:
    toolbox = rooms.engine.toolbox
    owner = await connecting.of_tool(toolbox, ctx, name)
    await connections.remove(toolbox.database, toolbox.vault, ctx, owner.name, scheme, user_id=ctx.user_id)

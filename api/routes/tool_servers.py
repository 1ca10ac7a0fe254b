"""`/v1/tool-servers`: MCP servers. What they offer is asked for, looked at, and accepted; a change is held back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.dependencies import After, Allow, Limit, Rooms
from api.text import Storable
from core.paging import Page
from core.tenancy import TenantContext
from tenants.permissions import Permission
from tools.admin import accepting, mcp_servers, offering
from tools.admin.accepting import Accepted, Choice
from tools.admin.offering import Offering
from tools.credentials.schemes import Scheme, Url
from tools.definitions import NAME_PATTERN, SideEffect
from tools.mcp import servers
from tools.mcp.servers import Server
from tools.registry.grants import NewGrants

router = APIRouter(prefix="/v1/tool-servers", tags=["tools"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_WRITE))]

ServerName = Annotated[str, Path(pattern=NAME_PATTERN)]
Security = Annotated[tuple[Scheme, ...], Field(max_length=servers.MOST_SCHEMES, description="what calls carry")]
OfferedName = Annotated[str, StringConstraints(max_length=200), Storable]
Pin = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class NewServer(BaseModel):
    """An MCP server that speaks streamable HTTP."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=NAME_PATTERN, description="the `source` of its tools, which share credentials")
    url: Url
    security: Security = ()


class ServerChange(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: Url | None = None
    security: Security | None = None


class Acceptance(BaseModel):
    """By tools' names on the server. `pins` are hashes as they were shown: another one by now is refused."""

    model_config = ConfigDict(extra="forbid")

    tools: frozenset[OfferedName] | None = Field(None, description="all if left out, also those that are gone")
    pins: dict[OfferedName, Pin] = {}
    side_effects: dict[OfferedName, SideEffect] = Field(
        {}, description="what calls change, where an admin knows better"
    )
    prefix: str | None = Field(None, pattern=r"^[a-zA-Z0-9_-]{1,32}$", description="of the names of new tools")
    grants: NewGrants = ()

    @property
    def choice(self) -> Choice:
        pins = {tool: bytes.fromhex(pin) for tool, pin in self.pins.items()}
        return Choice(self.tools, pins, self.side_effects, self.prefix, self.grants)


@router.post("", status_code=201, summary="Add an MCP server")
async def create(rooms: Rooms, ctx: Writer, body: NewServer) -> Server:
    """Store its credentials, then `POST /v1/tool-servers/{server}/refresh` to see what it offers."""
    return await mcp_servers.create(rooms.engine.toolbox, ctx, body.name, body.url, body.security)


@router.get("", summary="List MCP servers")
async def list_page(rooms: Rooms, ctx: Reader, cursor: After, limit: Limit = 50) -> Page[Server]:
    """The newest first."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await servers.list_page(connection, ctx, cursor=cursor, limit=limit)


@router.get("/{server}", summary="Get an MCP server and what it offers")
async def get(rooms: Rooms, ctx: Reader, server: ServerName) -> Offering:
    """As of when it was last asked."""
    return await offering.last_seen(rooms.engine.toolbox, ctx, server)


@router.patch("/{server}", summary="Change an MCP server")
async def change(rooms: Rooms, ctx: Writer, server: ServerName, body: ServerChange) -> Server:
    """What was accepted of it stays accepted, as long as the server offers the very same."""
    return await mcp_servers.update(rooms.engine.toolbox, ctx, server, url=body.url, security=body.security)


@router.delete("/{server}", status_code=204, summary="Delete an MCP server")
async def delete(rooms: Rooms, ctx: Writer, server: ServerName) -> None:
    """With its tools and credentials. What was called stays in the audit."""
    await mcp_servers.delete(rooms.engine.toolbox, ctx, server)


@router.post("/{server}/refresh", summary="Ask an MCP server what it offers")
async def refresh(rooms: Rooms, ctx: Writer, server: ServerName) -> Offering:
    """What is new or changed is held back until it is accepted."""
    return await offering.refresh(rooms.engine.toolbox, ctx, server)


@router.post("/{server}/accept", summary="Accept what an MCP server offers")
async def accept(rooms: Rooms, ctx: Writer, server: ServerName, body: Acceptance) -> Accepted:
    """New tools are registered, changed ones get a new version, and those that are gone are withdrawn."""
    return await accepting.accept(rooms.engine.toolbox, ctx, server, body.choice)

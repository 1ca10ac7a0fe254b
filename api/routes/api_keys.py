"""`/v1/api-keys`: for programs that ask in a member's name."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.dependencies import Allow, Rooms
from api.text import Name
from core.paging import Page
from core.tenancy import Role, TenantContext
from tenants import api_keys
from tenants.api_keys import ApiKey
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/api-keys", tags=["identity"])

Keeper = Annotated[TenantContext, Depends(Allow(Permission.API_KEYS_MANAGE))]


class NewApiKey(BaseModel):
    name: Name
    role: Role | None = Field(None, description="At most your own; yours when left out.")
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CreatedApiKey(ApiKey):
    """`secret` is shown this once; send it as `x-api-key`."""

    secret: str


@router.post("", status_code=201, summary="Create an API key")
async def create(rooms: Rooms, ctx: Keeper, body: NewApiKey) -> CreatedApiKey:
    key, secret = await api_keys.create(
        rooms.database, ctx, name=body.name, role=body.role, expires_at=body.expires_at
    )
    return CreatedApiKey(**asdict(key), secret=secret)


@router.get("", summary="List API keys")
async def list_all(rooms: Rooms, ctx: Keeper) -> Page[ApiKey]:
    """All on one page: a tenant has at most a hundred."""
    return Page(tuple(await api_keys.list_all(rooms.database, ctx)), next_cursor=None)


@router.delete("/{api_key_id}", status_code=204, summary="Delete an API key")
async def delete(rooms: Rooms, ctx: Keeper, api_key_id: UUID) -> None:
    await api_keys.delete(rooms.database, ctx, api_key_id)

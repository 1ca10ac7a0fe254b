"""`/v1/api-keys`: for programs that ask in a member's name."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Allow, House
from api.text import Name
from core.tenancy import Role, TenantContext
from tenants import api_keys
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/api-keys", tags=["identity"])

Keeper = Annotated[TenantContext, Depends(Allow(Permission.API_KEYS_MANAGE))]


class ApiKey(BaseModel):
    """`prefix` is the start of the secret: enough to recognise it."""

    model_config = ConfigDict(from_attributes=True)

    api_key_id: UUID
    user_id: UUID
    name: str
    prefix: str
    role: Role
    expires_at: datetime | None
    created_at: datetime


class NewApiKey(BaseModel):
    name: Name
    role: Role | None = Field(None, description="At most your own; yours when left out.")
    expires_at: datetime | None = None


class CreatedApiKey(ApiKey):
    secret: str = Field(description="Shown this once; send it as `x-api-key`.")


class ApiKeys(BaseModel):
    items: list[ApiKey]


@router.post("", status_code=201)
async def create(house: House, ctx: Keeper, body: NewApiKey) -> CreatedApiKey:
    key, secret = await api_keys.create(
        house.database, ctx, name=body.name, role=body.role, expires_at=body.expires_at
    )
    return CreatedApiKey(**ApiKey.model_validate(key).model_dump(), secret=secret)


@router.get("")
async def list_all(house: House, ctx: Keeper) -> ApiKeys:
    """All of them: a tenant has at most a hundred."""
    return ApiKeys(items=[ApiKey.model_validate(key) for key in await api_keys.list_all(house.database, ctx)])


@router.delete("/{api_key_id}", status_code=204)
async def delete(house: House, ctx: Keeper, api_key_id: UUID) -> None:
    await api_keys.delete(house.database, ctx, api_key_id)

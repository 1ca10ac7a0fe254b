"""`/v1/webhook-secret`: what a receiver of webhooks checks their signatures with."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends

from agents.webhooks import secrets as webhook_secrets
from api.dependencies import Allow, Rooms
from core.tenancy import TenantContext
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/webhook-secret", tags=["webhooks"])

Keeper = Annotated[TenantContext, Depends(Allow(Permission.API_KEYS_MANAGE))]


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """`X-Atrium-Signature: t=<Unix seconds>,v1=<hex>` is HMAC-SHA256 of `<Unix seconds>.<body>` with this key."""

    secret: str


@router.get("", summary="Get the secret that signs webhooks")
async def get(rooms: Rooms, ctx: Keeper) -> WebhookSecret:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return WebhookSecret(await webhook_secrets.get(connection, ctx))


@router.post("", summary="Replace the secret that signs webhooks")
async def replace(rooms: Rooms, ctx: Keeper) -> WebhookSecret:
    """Everything is signed with the new one from now on, repetitions too."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        return WebhookSecret(await webhook_secrets.replace(connection, ctx))

"""What routes ask for: the services opened at start-up, and a caller who is allowed."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Header, Query, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from agents.runner import Runner
from core.cache import Cache
from core.db import Database
from core.errors import Unauthenticated
from core.paging import Cursor
from core.settings import Settings
from core.tenancy import TenantContext
from retrieval.embeddings import EmbeddingModel
from retrieval.retriever import Retriever
from tenants import api_keys, limits
from tenants.permissions import Permission, require
from tenants.signing_keys import SigningKeys
from tenants.tokens import AccessTokens


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    database: Database
    cache: Cache
    keys: SigningKeys
    access_tokens: AccessTokens
    embeddings: EmbeddingModel
    retriever: Retriever
    runner: Runner
    upload_places: asyncio.Semaphore


def services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


Rooms = Annotated[Services, Depends(services)]

_bearer = HTTPBearer(auto_error=False, description="An access token from /auth/login.")
_api_key = APIKeyHeader(name="x-api-key", auto_error=False, description="A key from /v1/api-keys.")


async def authenticate(
    rooms: Rooms,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    api_key: Annotated[str | None, Depends(_api_key)],
) -> TenantContext:
    if api_key is not None:
        return await api_keys.authenticate(rooms.database, api_key)
    if bearer is not None:
        return rooms.access_tokens.verify(bearer.credentials)
    raise Unauthenticated("Send `Authorization: Bearer <access token>` or `x-api-key: <key>`.")


class Allow:
    """The one check of a route's permission: `ctx: Annotated[TenantContext, Depends(Allow(…))]`."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, rooms: Rooms, ctx: Annotated[TenantContext, Depends(authenticate)]) -> TenantContext:
        await limits.spend_request(rooms.cache, ctx, per_minute=rooms.settings.requests_per_minute)
        require(ctx, self.permission)
        return ctx


def public() -> None:
    """Declares that a route is open to anyone: `dependencies=[Depends(public)]`."""


def cursor(cursor: Annotated[str | None, Query(max_length=200)] = None) -> Cursor:
    return Cursor.decode(cursor)


After = Annotated[Cursor, Depends(cursor)]
Limit = Annotated[int, Query(ge=1, le=100)]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="Repeat it, and the work is not."),
]

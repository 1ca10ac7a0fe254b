"""What routes ask for: the services opened at start-up, and a caller who is allowed."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Header, Query, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers

from agents.engine import Engine
from api.anonymous import AnonymousTenant, has_credentials
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
    engine: Engine
    upload_places: asyncio.Semaphore
    anonymous: AnonymousTenant | None = None


async def services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


Rooms = Annotated[Services, Depends(services)]

_bearer = HTTPBearer(auto_error=False, description="An access token from /auth/login, or a key from /v1/api-keys.")
_api_key = APIKeyHeader(name="x-api-key", auto_error=False, description="A key from /v1/api-keys.")

# What it gives away works on after ATRIUM_ANONYMOUS_TENANT is unset.
_NEVER_ANONYMOUS = frozenset((Permission.API_KEYS_MANAGE,))


async def authenticate(
    rooms: Rooms,
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    api_key: Annotated[str | None, Depends(_api_key)],
) -> TenantContext:
    token = None if bearer is None else bearer.credentials
    return await identify(rooms, request.headers, token=token, api_key=api_key)


async def identify(rooms: Services, headers: Headers, *, token: str | None, api_key: str | None) -> TenantContext:
    """`token` is what came as bearer: an access token or an API key. Raises `Unauthenticated`."""
    if api_key is None and token is not None and api_keys.looks_like_one(token):
        api_key = token
    if api_key is not None:
        return await api_keys.authenticate(rooms.database, api_key)
    if token is not None:
        return rooms.access_tokens.verify(token)
    if rooms.anonymous is not None and not has_credentials(headers):
        return await rooms.anonymous.owner(headers)
    raise Unauthenticated("Send `Authorization: Bearer <access token or key>` or `x-api-key: <key>`.")


class Allow:
    """The one check of a route's permission: `ctx: Annotated[TenantContext, Depends(Allow(…))]`."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(
        self, rooms: Rooms, request: Request, ctx: Annotated[TenantContext, Depends(authenticate)]
    ) -> TenantContext:
        await limits.spend_request(rooms.cache, ctx, per_minute=rooms.settings.requests_per_minute)
        if self.permission in _NEVER_ANONYMOUS and not has_credentials(request.headers):
            raise Unauthenticated("This needs a login, also where the rest is open.", code="login_required")
        require(ctx, self.permission)
        return ctx


async def public() -> None:
    """Declares that a route is open to anyone: `dependencies=[Depends(public)]`."""


async def cursor(cursor: Annotated[str | None, Query(max_length=200)] = None) -> Cursor:
    return Cursor.decode(cursor)


After = Annotated[Cursor, Depends(cursor)]
Limit = Annotated[int, Query(ge=1, le=100)]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="Repeat it, and the work is not."),
]

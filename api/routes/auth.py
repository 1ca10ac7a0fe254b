"""`/auth`: register, log in, refresh, log out, who am I; and the public keys that prove our tokens."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Allow, Rooms, Services, public
from core.errors import Forbidden
from core.tenancy import Role, TenantContext
from tenants import accounts, limits, refresh_tokens
from tenants.accounts import Member
from tenants.permissions import Permission

router = APIRouter(tags=["identity"])

OpenToAnyone = Depends(public)


class Registration(BaseModel):
    tenant_name: str = Field(examples=["Pellwick Lamp Works"])
    email: str = Field(examples=["ann@example.com"])
    password: str
    name: str = Field(examples=["Ann Lee"])


class Login(BaseModel):
    email: str
    password: str
    tenant: str | None = Field(None, description="The tenant's slug, for members of several.")


class RefreshToken(BaseModel):
    refresh_token: str


class Tokens(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int = Field(description="Seconds until the access token expires.")
    refresh_token: str


class Me(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    email: str
    name: str
    tenant_id: UUID
    tenant_name: str
    tenant_slug: str
    role: Role
    permissions: frozenset[Permission]


class Registered(Tokens):
    me: Me


@router.post("/auth/register", status_code=201, dependencies=[OpenToAnyone], summary="Sign up a tenant")
async def register(rooms: Rooms, request: Request, body: Registration) -> Registered:
    """A new tenant and its owner, logged in."""
    if not rooms.settings.registration_open:
        raise Forbidden("Registration is closed here; ask whoever runs Atrium.", code="registration_closed")
    await _spend_login(rooms, request, body.email)
    member = await accounts.register(
        rooms.database,
        tenant_name=body.tenant_name,
        email=body.email,
        password=body.password,
        name=body.name,
    )
    tokens = await _tokens(rooms, member)
    return Registered(me=Me.model_validate(member), **tokens.model_dump())


@router.post("/auth/login", dependencies=[OpenToAnyone], summary="Log in")
async def login(rooms: Rooms, request: Request, body: Login) -> Tokens:
    await _spend_login(rooms, request, body.email)
    return await _tokens(rooms, await accounts.login(rooms.database, body.email, body.password, body.tenant))


@router.post("/auth/refresh", dependencies=[OpenToAnyone], summary="Refresh the tokens")
async def refresh(rooms: Rooms, body: RefreshToken) -> Tokens:
    """The next pair. A refresh token works once: using it again revokes every token of that login."""
    ctx, next_token = await refresh_tokens.rotate(
        rooms.database, body.refresh_token, lifetime_seconds=rooms.settings.refresh_token_seconds
    )
    return _pair(rooms, ctx, next_token)


@router.post("/auth/logout", status_code=204, dependencies=[OpenToAnyone], summary="Log out")
async def logout(rooms: Rooms, body: RefreshToken) -> None:
    await refresh_tokens.revoke(rooms.database, body.refresh_token)


@router.get("/auth/me", summary="Who am I")
async def me(rooms: Rooms, ctx: Annotated[TenantContext, Depends(Allow(Permission.PROFILE))]) -> Me:
    return Me.model_validate(await accounts.me(rooms.database, ctx))


@router.get("/.well-known/jwks.json", dependencies=[OpenToAnyone], summary="Public signing keys")
async def jwks(rooms: Rooms) -> dict[str, Any]:
    return rooms.keys.public_jwks()


async def _spend_login(rooms: Services, request: Request, email: str) -> None:
    await limits.spend_login(
        rooms.cache,
        email=email,
        address=request.client.host if request.client else "unknown",
        per_minute=rooms.settings.logins_per_minute,
    )


async def _tokens(rooms: Services, member: Member) -> Tokens:
    refresh_token = await refresh_tokens.issue(
        rooms.database, member.ctx, lifetime_seconds=rooms.settings.refresh_token_seconds
    )
    return _pair(rooms, member.ctx, refresh_token)


def _pair(rooms: Services, ctx: TenantContext, refresh_token: str) -> Tokens:
    return Tokens(
        access_token=rooms.access_tokens.issue(ctx),
        expires_in=rooms.access_tokens.lifetime_seconds,
        refresh_token=refresh_token,
    )

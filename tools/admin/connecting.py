"""What a tool or a server is called with: which secrets it wants, whose they are, and which of them are there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.db import Connection
from core.errors import Invalid, NotFound
from core.tenancy import TenantContext
from tools.credentials import connections
from tools.credentials.authorization import Authorizations, AuthorizationStart
from tools.credentials.held import token_name
from tools.credentials.schemes import AuthorizationCode, Scheme
from tools.credentials.secret_fields import field_names
from tools.mcp import servers
from tools.registry import tools, writers
from tools.toolbox import Toolbox, schemes_in, schemes_of


@dataclass(frozen=True, slots=True)
class Owner:
    """`name` is under which the vault keeps its secrets; the tools of one import or server share it."""

    name: str
    schemes: tuple[Scheme, ...]

    def scheme(self, scheme_id: str) -> Scheme:
        """Raises `NotFound`."""
        for scheme in self.schemes:
            if scheme.id == scheme_id:
                return scheme
        raise NotFound("credential of this tool")


@dataclass(frozen=True, slots=True)
class Want:
    """`fields` are what the secret of `scheme` has, `optional_fields` what it may have beside them."""

    scheme: str
    type: str
    per_user: bool
    fields: tuple[str, ...]
    optional_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Credential(Want):
    """`version` is None until the tenant's secret is stored, `connected_at` until its OAuth account is connected."""

    version: int | None
    updated_at: datetime | None
    updated_by: UUID | None
    connected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account(Want):
    """A member's own. Without `fields` it is connected by an authorization."""

    is_connected: bool


@dataclass(frozen=True, slots=True)
class StoredSecret:
    scheme: str
    version: int


async def of_tool(toolbox: Toolbox, ctx: TenantContext, name: str) -> Owner:
    """Raises `NotFound`."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        tool = await tools.current(connection, ctx, name)
        former = await tools.former_securities(connection, ctx, name)
    # Assistants may pin a version that asks for others.
    schemes = [*schemes_of(tool), *(scheme for each in former for scheme in schemes_in(each))]
    by_id = {scheme.id: scheme for scheme in reversed(schemes)}
    return Owner(tool.credential_owner, tuple(by_id[id_] for id_ in dict.fromkeys(scheme.id for scheme in schemes)))


async def of_server(toolbox: Toolbox, ctx: TenantContext, name: str) -> Owner:
    """Raises `NotFound`."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        server = await servers.get(connection, ctx, name)
    return Owner(server.credential_owner, server.security)


def want(scheme: Scheme) -> Want:
    required, optional = field_names(scheme)
    return Want(scheme.id, scheme.type, scheme.per_user, required, optional)


async def credentials(toolbox: Toolbox, ctx: TenantContext, owner: Owner) -> list[Credential]:
    """What the tenant has stored for it, and what is missing; never a secret."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        listed = await toolbox.vault.listed(connection, ctx, owner.name)
    stored = {each.scheme: each for each in listed if each.user_id is None}
    found = []
    for scheme in owner.schemes:
        secret, tokens = stored.get(scheme.id), stored.get(token_name(scheme.id))
        required, optional = field_names(scheme)
        found.append(
            Credential(
                scheme.id,
                scheme.type,
                scheme.per_user,
                required,
                optional,
                version=secret.version if secret else None,
                updated_at=secret.updated_at if secret else None,
                updated_by=secret.updated_by if secret else None,
                connected_at=tokens.updated_at if tokens and isinstance(scheme, AuthorizationCode) else None,
            )
        )
    return found


async def store(
    toolbox: Toolbox, ctx: TenantContext, owner: Owner, scheme_id: str, secret: Mapping[str, Any]
) -> StoredSecret:
    """The tenant's. Raises `NotFound`, and `Invalid` also for a secret that everyone has to store themselves."""
    scheme = owner.scheme(scheme_id)
    if scheme.per_user and not isinstance(scheme, AuthorizationCode):
        raise Invalid(f"Everyone connects their own {scheme.id}; nobody can do it for others.", code="per_user")
    return await _stored(toolbox, ctx, owner, scheme, secret)


async def store_own(
    toolbox: Toolbox, ctx: TenantContext, owner: Owner, scheme_id: str, secret: Mapping[str, Any]
) -> StoredSecret:
    """`ctx.user_id`'s. Raises `NotFound`, `Invalid`."""
    scheme = _of_everyone(owner, scheme_id)
    if isinstance(scheme, AuthorizationCode):
        raise Invalid(f"{scheme.id} is connected by an authorization: post to `authorize`.", code="authorize_instead")
    return await _stored(toolbox, ctx, owner, scheme, secret)


async def authorize(
    toolbox: Toolbox, ctx: TenantContext, owner: Owner, scheme_id: str, *, redirect_uri: str
) -> AuthorizationStart:
    """Of the account that the tenant's members share. Raises `NotFound`, `Invalid`, `Conflict`."""
    scheme = owner.scheme(scheme_id)
    if scheme.per_user:
        raise Invalid(f"Everyone connects their own {scheme.id}; nobody can do it for others.", code="per_user")
    return await _begun(toolbox, ctx, owner, scheme, redirect_uri)


async def authorize_own(
    toolbox: Toolbox, ctx: TenantContext, owner: Owner, scheme_id: str, *, redirect_uri: str
) -> AuthorizationStart:
    """Of an account of `ctx.user_id`'s. Raises `NotFound`, `Invalid`, `Conflict`."""
    return await _begun(toolbox, ctx, owner, _of_everyone(owner, scheme_id), redirect_uri)


async def accounts(toolbox: Toolbox, ctx: TenantContext, owner: Owner) -> list[Account]:
    """What is wanted of `ctx.user_id`, and whether a call would find it."""
    found = []
    for scheme in owner.schemes:
        if scheme.per_user:
            required, optional = ((), ()) if isinstance(scheme, AuthorizationCode) else field_names(scheme)
            missing = await toolbox.credentials.missing(ctx, owner.name, [scheme])
            found.append(Account(scheme.id, scheme.type, True, required, optional, is_connected=not missing))
    return found


def authorizations(toolbox: Toolbox) -> Authorizations:
    return Authorizations(toolbox.database, toolbox.vault, toolbox.egress)


def _of_everyone(owner: Owner, scheme_id: str) -> Scheme:
    scheme = owner.scheme(scheme_id)
    if not scheme.per_user:
        raise Invalid(f"{scheme.id} is shared by all members: an admin stores it.", code="shared")
    return scheme


async def _stored(
    toolbox: Toolbox, ctx: TenantContext, owner: Owner, scheme: Scheme, secret: Mapping[str, Any]
) -> StoredSecret:
    async def is_still_there(connection: Connection) -> None:
        await writers.be_the_only_one(connection, ctx)
        await tools.require_owner(connection, ctx, owner.name)

    version = await connections.store(
        toolbox.database, toolbox.vault, ctx, owner.name, scheme, secret, guard=is_still_there
    )
    return StoredSecret(scheme.id, version)


async def _begun(
    toolbox: Toolbox, ctx: TenantContext, owner: Owner, scheme: Scheme, redirect_uri: str
) -> AuthorizationStart:
    if not isinstance(scheme, AuthorizationCode):
        raise Invalid(f"{scheme.id} is stored as it is: there is nothing to authorize.", code="store_instead")
    return await authorizations(toolbox).begin(ctx, owner.name, scheme, redirect_uri=redirect_uri)

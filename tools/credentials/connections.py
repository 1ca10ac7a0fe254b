"""What a tenant stores for its tools, and each member for themselves: put, listed and taken away, never shown."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.db import Connection, Database
from core.errors import NotFound
from core.tenancy import TenantContext
from tenants.vault import Vault
from tools.credentials import renewals
from tools.credentials.held import token_name
from tools.credentials.schemes import AuthorizationCode, Scheme
from tools.credentials.secret_fields import check_secret

Guard = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Connected:
    """That there is something for `scheme` of `owner`; `user_id` is None for what the tenant's members share."""

    owner: str
    scheme: str
    user_id: UUID | None
    updated_at: datetime


async def store(
    database: Database,
    vault: Vault,
    ctx: TenantContext,
    owner: str,
    scheme: Scheme,
    secret: Mapping[str, Any],
    *,
    guard: Guard | None = None,
) -> int:
    """The new version: of `ctx.user_id`'s secret if the scheme is per user, else of the tenant's. Raises `Invalid`.

    `guard` raises, in the same transaction, when the owner is not there any more.
    Of an authorization code's scheme it is the client, which is always the tenant's.
    """
    own = scheme.per_user and not isinstance(scheme, AuthorizationCode)
    checked = check_secret(scheme, secret)
    async with database.tenant_transaction(ctx) as connection:
        if guard is not None:
            await guard(connection)
        user_id = ctx.user_id if own else None
        return await vault.put(connection, ctx, owner, scheme.id, checked, user_id=user_id)


async def remove(
    database: Database, vault: Vault, ctx: TenantContext, owner: str, scheme_id: str, *, user_id: UUID | None
) -> None:
    """The secret and the tokens that came of it. Raises `NotFound`."""
    async with database.tenant_transaction(ctx) as connection:
        await renewals.cancel(connection, ctx, owner, token_name(scheme_id), user_id)
        secret = await vault.delete(connection, ctx, owner, scheme_id, user_id=user_id)
        tokens = await vault.delete(connection, ctx, owner, token_name(scheme_id), user_id=user_id)
    if not secret and not tokens:
        raise NotFound("connection")


async def of_user(database: Database, vault: Vault, ctx: TenantContext) -> list[Connected]:
    """What `ctx.user_id` has connected, by owner and scheme."""
    async with database.tenant_transaction(ctx) as connection:
        listed = await vault.listed_of_user(connection, ctx)
    # Tokens stand behind the secret they came of, if the user has both.
    found = {(one.owner, one.scheme.partition(":")[0]): one for one in reversed(listed)}
    return [Connected(owner, scheme, one.user_id, one.updated_at) for (owner, scheme), one in sorted(found.items())]

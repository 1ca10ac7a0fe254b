"""Registering tools: checked first, then stored at once or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from core.db import Connection
from core.tenancy import TenantContext
from tools.definitions import KindName, SideEffect
from tools.egress.policy import check_url
from tools.registry import drafts, grants, tools, writers
from tools.registry.grants import NewGrant
from tools.registry.tools import Draft, Registered
from tools.toolbox import Toolbox


async def create(
    toolbox: Toolbox,
    ctx: TenantContext,
    name: str,
    *,
    kind: KindName,
    description: str,
    parameters: dict[str, Any],
    side_effect: SideEffect | None,
    invocation: dict[str, Any],
    new_grants: Sequence[NewGrant] = (),
) -> Registered:
    """Without a `side_effect`, GET and HEAD read and all else writes.

    Raises `Invalid`, `UrlRefused`, and `Conflict` for a name that is taken.
    """
    drafts.check_name(name)
    draft = drafts.checked(
        toolbox.kinds,
        kind=kind,
        description=description,
        parameters=parameters,
        side_effect=side_effect or _of_method(invocation),
        invocation=invocation,
    )
    check_urls(toolbox, ctx, draft)
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        created = await tools.create(connection, ctx, name, draft)
        await grants.add_each(connection, ctx, [name], new_grants)
        return created


async def add_version(
    toolbox: Toolbox,
    ctx: TenantContext,
    name: str,
    *,
    description: str | None,
    parameters: dict[str, Any] | None,
    side_effect: SideEffect | None,
    invocation: dict[str, Any] | None,
) -> Registered:
    """What is None stays as in the latest version. Raises `NotFound`, and what `create` raises."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        latest = await tools.get(connection, ctx, name)
        draft = drafts.checked(
            toolbox.kinds,
            kind=latest.kind,
            description=latest.description if description is None else description,
            parameters=latest.parameters if parameters is None else parameters,
            side_effect=latest.side_effect if side_effect is None else side_effect,
            invocation=latest.invocation if invocation is None else invocation,
        )
        check_urls(toolbox, ctx, draft)
        registered = await tools.add_version(connection, ctx, name, draft)
        await secrets_stay(toolbox, connection, ctx, latest, registered)
        return registered


async def set_latest(toolbox: Toolbox, ctx: TenantContext, name: str, version: int) -> Registered:
    """Rolls back, or forward again. Raises `NotFound`."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        latest = await tools.get(connection, ctx, name)
        registered = await tools.set_latest(connection, ctx, name, version)
        await secrets_stay(toolbox, connection, ctx, latest, registered)
        return registered


async def delete(toolbox: Toolbox, ctx: TenantContext, name: str) -> None:
    """Raises `NotFound`."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        await forget(toolbox, connection, ctx, name)


async def forget(toolbox: Toolbox, connection: Connection, ctx: TenantContext, name: str) -> None:
    """In the caller's transaction: the tool, and the secrets that were its alone. Raises `NotFound`."""
    owner = (await tools.get(connection, ctx, name)).tool.credential_owner
    await tools.delete(connection, ctx, name)
    if owner.startswith("tool:"):
        await toolbox.vault.forget_owner(connection, ctx, owner)


async def secrets_stay(
    toolbox: Toolbox, connection: Connection, ctx: TenantContext, before: Registered, after: Registered
) -> None:
    """Unless the tool goes to another origin now: what was stored for the one is never sent to the other."""
    if origins_of([after]) - origins_of([before]):
        await toolbox.vault.forget_owner(connection, ctx, after.tool.credential_owner)


def origins_of(registered: Iterable[Registered]) -> set[str]:
    """Scheme, host and port of where calls go."""
    urls = [urlsplit(url) for each in registered for url in _called(each.invocation)]
    return {f"{url.scheme}://{url.netloc.lower()}" for url in urls}


def check_urls(toolbox: Toolbox, ctx: TenantContext, draft: Draft) -> None:
    """Says at once what the egress client would say at the first call. Raises `UrlRefused`."""
    for url in _urls(draft.invocation):
        check_url(url, toolbox.egress.policy, ctx.tenant_id)


def _of_method(invocation: dict[str, Any]) -> SideEffect:
    return SideEffect.READ if invocation.get("method") in ("GET", "HEAD") else SideEffect.WRITE


def _called(invocation: dict[str, Any]) -> Iterator[str]:
    """An MCP server is named, not addressed: its URL is in its own row."""
    for name in ("url", "server"):
        if isinstance(url := invocation.get(name), str) and "://" in url:
            yield url.partition("{")[0]


def _urls(invocation: dict[str, Any]) -> Iterator[str]:
    yield from _called(invocation)
    for scheme in invocation.get("security", ()):
        yield from (scheme[name] for name in ("token_url", "authorization_url") if name in scheme)

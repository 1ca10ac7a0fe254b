"""MCP servers of a tenant together with the tools that came of them."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from core.db import Connection
from core.errors import Invalid
from core.storable import is_storable_json
from core.tenancy import TenantContext
from tools.admin import sources
from tools.credentials.schemes import AuthorizationCode, ClientCredentials, Scheme
from tools.egress.policy import check_url
from tools.mcp import servers
from tools.mcp.servers import Server
from tools.registry import tools, writers
from tools.toolbox import Toolbox


async def create(toolbox: Toolbox, ctx: TenantContext, name: str, url: str, security: Sequence[Scheme]) -> Server:
    """Nothing of it can be called yet. Raises `Invalid`, `UrlRefused`, and `Conflict` for a name that is taken."""
    _check(toolbox, ctx, url, security)
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        return await servers.create(connection, ctx, name, url, security)


async def update(
    toolbox: Toolbox, ctx: TenantContext, name: str, *, url: str | None, security: Sequence[Scheme] | None
) -> Server:
    """What is None stays. Its tools get a new version if they want other credentials. Raises as `create` does."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        before = await servers.get(connection, ctx, name, lock=True)
        _check(toolbox, ctx, url or before.url, before.security if security is None else security)
        server = await servers.update(connection, ctx, name, url=url, security=security)
        if _origin(server.url) != _origin(before.url):
            # What was stored for one host is never sent to another.
            await toolbox.vault.forget_owner(connection, ctx, server.credential_owner)
        await _tell_tools(connection, ctx, server)
        return server


async def delete(toolbox: Toolbox, ctx: TenantContext, name: str) -> None:
    """With its tools and credentials. Raises `NotFound`."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        await servers.delete(connection, ctx, name)
        await sources.forget(toolbox, connection, ctx, name)


async def _tell_tools(connection: Connection, ctx: TenantContext, server: Server) -> None:
    security = [scheme.model_dump(mode="json") for scheme in server.security]
    for tool in await tools.of_source(connection, ctx, server.name):
        if tool.invocation["security"] != security:
            invocation = tool.invocation | {"security": security}
            version = tools.Draft(tool.kind, tool.description, tool.parameters, tool.side_effect, invocation)
            await tools.add_version(connection, ctx, tool.name, version)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _check(toolbox: Toolbox, ctx: TenantContext, url: str, security: Sequence[Scheme]) -> None:
    if not is_storable_json([scheme.model_dump(mode="json") for scheme in security]):
        raise Invalid("`security` holds a NUL character, or half of one.")
    urls = [url]
    for scheme in security:
        if isinstance(scheme, ClientCredentials | AuthorizationCode):
            urls.append(scheme.token_url)
        if isinstance(scheme, AuthorizationCode):
            urls.append(scheme.authorization_url)
    for each in urls:
        check_url(each, toolbox.egress.policy, ctx.tenant_id)

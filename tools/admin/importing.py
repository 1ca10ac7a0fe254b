"""OpenAPI imports: looked at first, then applied in one transaction; again whenever the document has changed."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import TypeAdapter

from core.db import Connection
from core.errors import Conflict, Invalid
from core.tenancy import TenantContext
from tools.admin import connecting, import_reading, registering, sources
from tools.admin.connecting import Want
from tools.admin.import_plan import Plan, plan
from tools.admin.import_reading import Reading, Wish, bytes_of
from tools.admin.previews import within_reason
from tools.credentials.schemes import Scheme
from tools.definitions import SideEffect
from tools.openapi.drafting import Draft
from tools.openapi.reading import MAX_BYTES
from tools.registry import grants, imports, tools, writers
from tools.registry.imports import Imported
from tools.registry.tools import Registered
from tools.toolbox import Toolbox

FETCH_SECONDS = 20.0

# Few at a time: while it is read a document takes many times its size in memory.
_READING = ThreadPoolExecutor(2, thread_name_prefix="openapi")

_SCHEME: TypeAdapter[Scheme] = TypeAdapter(Scheme)

Change = Literal["added", "changed", "removed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One tool. `server` is where its calls go; `clash`: another tool has its name, so nothing can be applied.

    `parameters` are None of a removed one, and of the last of very many: choose fewer operations to see them.
    """

    name: str
    operation: str
    server: str
    change: Change
    clash: bool
    description: str
    side_effect: SideEffect
    parameters: dict[str, Any] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SkippedOperation:
    operation: str
    reason: str


@dataclass(frozen=True, slots=True)
class Preview:
    """`operations` counts all of the document; `credentials` are what its tools are called with."""

    title: str
    version: str
    operations: int
    tools: tuple[Planned, ...]
    skipped: tuple[SkippedOperation, ...]
    credentials: tuple[Want, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """Names of tools. Those that were `removed` are withdrawn until an import has them again."""

    imported: Imported
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    skipped: tuple[SkippedOperation, ...]
    credentials: tuple[Want, ...]


async def preview(toolbox: Toolbox, ctx: TenantContext, wish: Wish) -> Preview:
    """Changes nothing. Raises `Invalid`, `UrlRefused`, `PeerFailed`, and `Conflict` for the name of a server."""
    reading = await _read(toolbox, ctx, wish)
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await imports.check_name(connection, ctx, wish.name)
        planned = await _planned(connection, ctx, wish, reading)
    return Preview(
        reading.title,
        reading.version,
        reading.operations,
        tuple(_shown(planned)),
        _skipped(reading),
        _credentials(reading.drafts),
        reading.notes,
    )


async def apply(toolbox: Toolbox, ctx: TenantContext, wish: Wish) -> Applied:
    """All of it or nothing. Raises what `preview` does, and `Conflict` for names that other tools have."""
    reading = await _read(toolbox, ctx, wish)
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        before = await tools.of_source(connection, ctx, wish.name)
        await imports.put(connection, ctx, wish.name, url=wish.url, title=reading.title)
        planned = await _planned(connection, ctx, wish, reading)
        if planned.clashes:
            raise _clash(planned.clashes)
        if planned.removed and not reading.drafts:
            raise Invalid("This would withdraw every tool of the import; delete it instead.", code="openapi_no_tools")
        for draft in planned.added:
            await tools.create(connection, ctx, draft.name, _version(draft), source=wish.name)
        await grants.add_each(connection, ctx, _names(planned.added), wish.grants)
        for draft in planned.changed:
            await tools.add_version(connection, ctx, draft.name, _version(draft))
        for tool in planned.removed:
            await tools.set_withdrawn(connection, ctx, tool.name, withdrawn=True)
        back = {*_names(planned.changed), *_names(planned.unchanged)}
        for tool in before:
            if tool.withdrawn and tool.name in back:
                await tools.set_withdrawn(connection, ctx, tool.name, withdrawn=False)
        after = await tools.of_source(connection, ctx, wish.name)
        if before and registering.origins_of(after) - registering.origins_of(before):
            # What was stored for one host is never sent to another.
            await toolbox.vault.forget_owner(connection, ctx, f"source:{wish.name}")
        imported = await imports.get(connection, ctx, wish.name)
    return Applied(
        imported,
        _names(planned.added),
        _names(planned.changed),
        _names(planned.removed),
        _names(planned.unchanged),
        _skipped(reading),
        _credentials(reading.drafts),
    )


async def delete(toolbox: Toolbox, ctx: TenantContext, name: str) -> None:
    """With its tools and credentials. Raises `NotFound`."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await writers.be_the_only_one(connection, ctx)
        await imports.delete(connection, ctx, name)
        await sources.forget(toolbox, connection, ctx, name)


async def _read(toolbox: Toolbox, ctx: TenantContext, wish: Wish) -> Reading:
    data, url = await _document(toolbox, ctx, wish)
    reading = partial(
        import_reading.read,
        wish,
        data,
        url,
        kinds=toolbox.kinds,
        policy=toolbox.egress.policy,
        tenant_id=ctx.tenant_id,
    )
    return await asyncio.get_running_loop().run_in_executor(_READING, reading)


async def _document(toolbox: Toolbox, ctx: TenantContext, wish: Wish) -> tuple[bytes, str | None]:
    """And the URL that it came from in the end."""
    if wish.document is not None:
        return await asyncio.to_thread(bytes_of, wish.document), None
    assert wish.url is not None, "one of the two is given"
    async with toolbox.egress.client(
        ctx.tenant_id, seconds=FETCH_SECONDS, max_bytes=MAX_BYTES, follow_redirects=True
    ) as http:
        answer = await http.get(wish.url, headers={"Accept": "application/json, application/yaml, */*;q=0.8"})
    if answer.status_code != 200:
        raise Invalid(f"There is no document: `url` answered with status {answer.status_code}.", code="openapi_url")
    return answer.content, str(answer.url)


async def _planned(connection: Connection, ctx: TenantContext, wish: Wish, reading: Reading) -> Plan:
    present = await tools.of_source(connection, ctx, wish.name)
    taken = await tools.taken(connection, ctx, [draft.name for draft in reading.drafts])
    return plan(present, reading.drafts, frozenset(taken), wish.side_effects)


def _shown(planned: Plan) -> Iterator[Planned]:
    """In this order, so that room is left for what is new."""
    changes: tuple[tuple[Change, tuple[Draft, ...]], ...] = (
        ("added", planned.added),
        ("changed", planned.changed),
        ("unchanged", planned.unchanged),
    )
    drafts = [(change, draft) for change, those in changes for draft in those]
    clashes = frozenset(planned.clashes)
    schemas = within_reason(draft.parameters for _, draft in drafts)
    for (change, draft), parameters in zip(drafts, schemas, strict=True):
        yield Planned(
            draft.name,
            draft.operation,
            draft.invocation["server"],
            change,
            change == "added" and draft.name in clashes,
            draft.description,
            draft.side_effect,
            parameters,
            draft.notes,
        )
    for tool in planned.removed:
        invocation = tool.invocation
        yield Planned(
            tool.name,
            invocation["operation"],
            invocation["server"],
            "removed",
            False,
            tool.description,
            tool.side_effect,
            None,
            (),
        )


def _version(draft: Draft) -> tools.Draft:
    return tools.Draft("openapi", draft.description, draft.parameters, draft.side_effect, draft.invocation)


def _names(named: Sequence[Draft] | Sequence[Registered]) -> tuple[str, ...]:
    return tuple(each.name for each in named)


def _skipped(reading: Reading) -> tuple[SkippedOperation, ...]:
    return tuple(SkippedOperation(each.operation, each.reason) for each in reading.skipped)


def _credentials(drafts: Sequence[Draft]) -> tuple[Want, ...]:
    schemes = {scheme["id"]: scheme for draft in drafts for scheme in draft.invocation["security"]}
    return tuple(connecting.want(_SCHEME.validate_python(scheme)) for scheme in schemes.values())


def _clash(names: Sequence[str]) -> Conflict:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return Conflict(f"There are tools of these names already: {shown}. Pass a `prefix`.", code="tool_exists")

"""Assistants: a graph and how it is configured, with every earlier version kept."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from agents.assistants import defaults as default_assistants
from agents.ownership import REACHED, reach
from agents.threads import threads
from agents.untrusted import Config
from core.db import Connection
from core.errors import ClientError, Conflict, Forbidden, NotFound
from core.tenancy import TenantContext
from graphs.catalog.catalog import Catalog, default_assistant_id

UNTITLED = "Untitled"


@dataclass(frozen=True, slots=True)
class Assistant:
    """`context` and `config["configurable"]` say the same; runs merge what they bring over both."""

    assistant_id: UUID
    graph_id: str
    name: str
    description: str | None
    config: Config
    context: dict[str, Any]
    metadata: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What a client wants to be otherwise, cleaned; None leaves a field as it is, and `metadata` is merged."""

    graph_id: str | None = None
    name: str | None = None
    description: str | None = None
    config: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


COLUMNS: LiteralString = (
    "assistant_id, graph_id, name, description, config, context, metadata, version, created_at, updated_at"
)
_VERSIONED: LiteralString = "tenant_id, assistant_id, version, graph_id, name, description, config, context, metadata"


async def resolve(connection: Connection, ctx: TenantContext, catalog: Catalog, named: str) -> Assistant:
    """By its id, or by the id of a graph, which means that graph's default assistant. Raises `NotFound`."""
    if named in catalog.graph_ids:
        return await get(connection, ctx, catalog, default_assistant_id(named))
    try:
        return await get(connection, ctx, catalog, UUID(named))
    except ValueError as exc:
        raise NotFound("assistant") from exc


async def get(connection: Connection, ctx: TenantContext, catalog: Catalog, assistant_id: UUID) -> Assistant:
    """Raises `NotFound`, also for an assistant whose graph is no longer served."""
    found = await _find(connection, ctx, catalog, assistant_id)
    if found is None and default_assistants.is_default(catalog, assistant_id):
        await default_assistants.seed(connection, ctx, catalog)
        found = await _find(connection, ctx, catalog, assistant_id)
    if found is None:
        raise NotFound("assistant")
    return found


async def create(
    connection: Connection,
    ctx: TenantContext,
    catalog: Catalog,
    wanted: Change,
    *,
    assistant_id: UUID | None = None,
    if_exists: Literal["raise", "do_nothing"] = "raise",
) -> Assistant:
    """Raises `NotFound` for a graph that is not served, `Conflict` when the id is taken and that matters."""
    graph_id = catalog.require(wanted.graph_id or "")
    await default_assistants.seed(connection, ctx, catalog)
    wanted = _consistent(wanted)
    rows = await connection.execute(
        "INSERT INTO assistants (tenant_id, assistant_id, graph_id, name, description, config, context, metadata) "
        "VALUES (%(tenant_id)s, %(assistant_id)s, %(graph_id)s, %(name)s, %(description)s, %(config)s, %(context)s, "
        f"%(metadata)s) ON CONFLICT DO NOTHING RETURNING {COLUMNS}",
        {
            "tenant_id": ctx.tenant_id,
            "assistant_id": assistant_id or uuid7(),
            "graph_id": graph_id,
            "name": wanted.name or UNTITLED,
            "description": wanted.description,
            "config": Jsonb(wanted.config or {}),
            "context": Jsonb(wanted.context or {}),
            "metadata": Jsonb(wanted.metadata or {}),
        },
    )
    row = await rows.fetchone()
    if row is not None:
        created = Assistant(**row)
        await _keep_version(connection, ctx, created.assistant_id)
        return created
    assert assistant_id is not None, "a new id is not taken"
    if if_exists == "raise":
        raise Conflict(f"There is an assistant {assistant_id} already.", code="assistant_exists")
    return await get(connection, ctx, catalog, assistant_id)


async def update(
    connection: Connection, ctx: TenantContext, catalog: Catalog, assistant_id: UUID, change: Change
) -> Assistant:
    """As a new version, which becomes the latest. Raises `NotFound`, and `Forbidden` for a default assistant."""
    await _lock(connection, ctx, catalog, assistant_id)
    if change.graph_id is not None:
        catalog.require(change.graph_id)
    change = _consistent(change)
    await connection.execute(
        "UPDATE assistants SET graph_id = coalesce(%(graph_id)s, graph_id), name = coalesce(%(name)s, name), "
        "description = coalesce(%(description)s, description), config = coalesce(%(config)s, config), "
        "context = coalesce(%(context)s, context), metadata = metadata || %(metadata)s, updated_at = now(), "
        "version = (SELECT max(v.version) + 1 FROM assistant_versions v "
        "WHERE v.tenant_id = %(tenant_id)s AND v.assistant_id = %(assistant_id)s) "
        "WHERE tenant_id = %(tenant_id)s AND assistant_id = %(assistant_id)s",
        {
            "tenant_id": ctx.tenant_id,
            "assistant_id": assistant_id,
            "graph_id": change.graph_id,
            "name": change.name,
            "description": change.description,
            "config": Jsonb(change.config) if change.config else None,
            "context": None if change.context is None else Jsonb(change.context),
            "metadata": Jsonb(change.metadata or {}),
        },
    )
    await _keep_version(connection, ctx, assistant_id)
    return await get(connection, ctx, catalog, assistant_id)


async def set_latest(
    connection: Connection, ctx: TenantContext, catalog: Catalog, assistant_id: UUID, version: int
) -> Assistant:
    """Makes the assistant what it was in `version`. Raises `NotFound`, and `Forbidden` for a default assistant."""
    await _lock(connection, ctx, catalog, assistant_id)
    restored = await connection.execute(
        "UPDATE assistants a SET graph_id = v.graph_id, name = v.name, description = v.description, "
        "config = v.config, context = v.context, metadata = v.metadata, version = v.version, updated_at = now() "
        "FROM assistant_versions v WHERE a.tenant_id = %(tenant_id)s AND a.assistant_id = %(assistant_id)s "
        "AND v.tenant_id = a.tenant_id AND v.assistant_id = a.assistant_id AND v.version = %(version)s",
        {"tenant_id": ctx.tenant_id, "assistant_id": assistant_id, "version": version},
    )
    if restored.rowcount == 0:
        raise NotFound("version of this assistant")
    return await get(connection, ctx, catalog, assistant_id)


async def versions(
    connection: Connection,
    ctx: TenantContext,
    catalog: Catalog,
    assistant_id: UUID,
    *,
    metadata: dict[str, Any] | None = None,
    limit: int = 10,
    offset: int = 0,
) -> list[Assistant]:
    """The newest first; each with the time it was made. Raises `NotFound`."""
    await get(connection, ctx, catalog, assistant_id)
    rows = await connection.execute(
        "SELECT assistant_id, graph_id, name, description, config, context, metadata, version, created_at, "
        "created_at AS updated_at FROM assistant_versions WHERE tenant_id = %s AND assistant_id = %s "
        "AND metadata @> %s ORDER BY version DESC LIMIT %s OFFSET %s",
        (ctx.tenant_id, assistant_id, Jsonb(metadata or {}), limit, offset),
    )
    return [Assistant(**row) for row in await rows.fetchall()]


async def delete(
    connection: Connection, ctx: TenantContext, catalog: Catalog, assistant_id: UUID, *, delete_threads: bool = False
) -> None:
    """With its versions and crons; if asked also with the threads on which it ran last and that the caller reaches.

    Raises `NotFound`, and `Forbidden` for a default assistant.
    """
    await _lock(connection, ctx, catalog, assistant_id)
    if delete_threads:
        rows = await connection.execute(
            f"SELECT thread_id FROM threads WHERE {REACHED} AND metadata @> %(metadata)s",
            {**reach(ctx, by_role=True), "metadata": Jsonb({"assistant_id": str(assistant_id)})},
        )
        for row in await rows.fetchall():
            await threads.delete(connection, ctx, row["thread_id"], by_role=True)
    await connection.execute(
        "DELETE FROM assistants WHERE tenant_id = %s AND assistant_id = %s", (ctx.tenant_id, assistant_id)
    )


def _consistent(change: Change) -> Change:
    """LangGraph's `context` replaces `configurable`: whichever a client sends is meant for both."""
    configurable = (change.config or {}).get("configurable")
    if configurable and change.context:
        raise ClientError("Send either `context` or `config.configurable`, not both.")
    if configurable:
        return replace(change, context=configurable)
    if change.context:
        return replace(change, config={**(change.config or {}), "configurable": change.context})
    return change


async def _find(connection: Connection, ctx: TenantContext, catalog: Catalog, assistant_id: UUID) -> Assistant | None:
    rows = await connection.execute(
        f"SELECT {COLUMNS} FROM assistants WHERE tenant_id = %s AND assistant_id = %s AND graph_id = ANY(%s)",
        (ctx.tenant_id, assistant_id, list(catalog.graph_ids)),
    )
    row = await rows.fetchone()
    return Assistant(**row) if row is not None else None


async def _lock(connection: Connection, ctx: TenantContext, catalog: Catalog, assistant_id: UUID) -> None:
    """Until the transaction ends nobody else changes it."""
    if default_assistants.is_default(catalog, assistant_id):
        raise Forbidden(
            "This is the default assistant of its graph, which nobody can change; create one of your own.",
            code="default_assistant",
        )
    found = await connection.execute(
        "SELECT FROM assistants WHERE tenant_id = %s AND assistant_id = %s AND graph_id = ANY(%s) FOR UPDATE",
        (ctx.tenant_id, assistant_id, list(catalog.graph_ids)),
    )
    if found.rowcount == 0:
        raise NotFound("assistant")


async def _keep_version(connection: Connection, ctx: TenantContext, assistant_id: UUID) -> None:
    await connection.execute(
        f"INSERT INTO assistant_versions ({_VERSIONED}) SELECT {_VERSIONED} FROM assistants "
        "WHERE tenant_id = %s AND assistant_id = %s",
        (ctx.tenant_id, assistant_id),
    )

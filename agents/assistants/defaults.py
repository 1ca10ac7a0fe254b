"""The assistant that every graph has in every tenant: a row nobody changes, made when it is first needed."""

from typing import LiteralString
from uuid import UUID

from core.db import Connection
from core.tenancy import TenantContext
from graphs.catalog.catalog import Catalog, default_assistant_id


def is_default(catalog: Catalog, assistant_id: UUID) -> bool:
    return any(assistant_id == default_assistant_id(graph_id) for graph_id in catalog.graph_ids)


_SEED: LiteralString = """
WITH missing AS (
    SELECT wanted.* FROM unnest(%(assistant_ids)s::uuid[], %(graph_ids)s::text[], %(names)s::text[],
        %(descriptions)s::text[]) AS wanted (assistant_id, graph_id, name, description)
    WHERE NOT EXISTS (
        SELECT FROM assistants a WHERE a.tenant_id = %(tenant_id)s AND a.assistant_id = wanted.assistant_id
        AND a.graph_id = wanted.graph_id AND a.name = wanted.name
        AND a.description IS NOT DISTINCT FROM wanted.description
    )
), seeded AS (
    INSERT INTO assistants AS a (tenant_id, assistant_id, graph_id, name, description, metadata)
    SELECT %(tenant_id)s, assistant_id, graph_id, name, description, '{"created_by": "system"}' FROM missing
    ON CONFLICT (tenant_id, assistant_id) DO UPDATE SET graph_id = excluded.graph_id, name = excluded.name,
        description = excluded.description, config = '{}', context = '{}', metadata = excluded.metadata, version = 1
    RETURNING a.*
)
INSERT INTO assistant_versions AS v
    (tenant_id, assistant_id, version, graph_id, name, description, config, context, metadata)
SELECT tenant_id, assistant_id, version, graph_id, name, description, config, context, metadata FROM seeded
ON CONFLICT (tenant_id, assistant_id, version) DO UPDATE SET name = excluded.name,
    description = excluded.description
"""


async def seed(connection: Connection, ctx: TenantContext, catalog: Catalog) -> None:
    """Makes those that are missing, and follows the catalog in what has changed; usually one read."""
    await connection.execute(
        _SEED,
        {
            "tenant_id": ctx.tenant_id,
            "assistant_ids": [default_assistant_id(graph_id) for graph_id in catalog.graph_ids],
            "graph_ids": list(catalog.graph_ids),
            "names": [catalog.name_of(graph_id) for graph_id in catalog.graph_ids],
            "descriptions": [catalog.description_of(graph_id) for graph_id in catalog.graph_ids],
        },
    )

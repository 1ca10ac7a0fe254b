"""`/assistants`: graphs and how they are configured, as LangGraph's clients ask for them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import PositiveInt, TypeAdapter

from agents.assistants import assistants, introspection
from agents.assistants import search as assistant_search
from agents.assistants.assistants import Assistant
from agents.untrusted import clean_metadata
from api.agent_protocol.assistant_bodies import (
    AssistantCountRequest,
    AssistantCreate,
    AssistantPatch,
    AssistantSearchRequest,
    AssistantVersionChange,
    AssistantVersionsSearchRequest,
    GraphSchema,
    GraphSchemaNoId,
)
from api.agent_protocol.body import JsonRoute
from api.agent_protocol.paging import say_where
from api.dependencies import Allow, Rooms, Services
from core.errors import Invalid
from core.tenancy import TenantContext
from graphs.catalog.catalog import default_assistant_id
from tenants.permissions import Permission

router = APIRouter(prefix="/assistants", tags=["Assistants"], route_class=JsonRoute)

Reader = Annotated[TenantContext, Depends(Allow(Permission.ASSISTANTS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.ASSISTANTS_WRITE))]


async def named(
    rooms: Rooms, assistant_id: Annotated[str, Path(max_length=200, description="Or the id of a graph.")]
) -> UUID:
    if assistant_id in rooms.engine.catalog.graph_ids:
        return default_assistant_id(assistant_id)
    try:
        return UUID(assistant_id)
    except ValueError as exc:
        raise Invalid("`assistant_id` must be a UUID or the id of a graph.") from exc


Named = Annotated[UUID, Depends(named)]


_ASSISTANTS = TypeAdapter(list[Assistant])


@router.post("", summary="Create an assistant")
async def create(rooms: Rooms, ctx: Writer, body: AssistantCreate) -> Assistant:
    wanted = body.change(body.graph_id)
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await assistants.create(
            connection,
            ctx,
            rooms.engine.catalog,
            wanted,
            assistant_id=body.assistant_id,
            if_exists=body.if_exists,
        )


@router.post("/search", response_model=list[Assistant], summary="Search assistants")
async def search(rooms: Rooms, ctx: Reader, body: AssistantSearchRequest) -> Response:
    wanted = body.filter()
    async with rooms.database.tenant_transaction(ctx) as connection:
        found = await assistant_search.search(
            connection,
            ctx,
            rooms.engine.catalog,
            wanted,
            limit=body.limit + 1,
            offset=body.offset,
            sort_by=body.sort_by or "created_at",
            sort_order=body.sort_order or "desc",
        )
    shown = found[: body.limit]
    only = {"__all__": set[str](body.select)} if body.select else None
    answer = Response(_ASSISTANTS.dump_json(shown, include=only), media_type="application/json")
    say_where(answer, offset=body.offset, shown=len(shown), more=len(found) > len(shown))
    return answer


@router.post("/count", summary="Count assistants")
async def count(rooms: Rooms, ctx: Reader, body: AssistantCountRequest) -> int:
    wanted = body.filter()
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await assistant_search.count(connection, ctx, rooms.engine.catalog, wanted)


@router.get("/{assistant_id}", summary="Get an assistant")
async def get(rooms: Rooms, ctx: Reader, assistant_id: Named) -> Assistant:
    return await _get(rooms, ctx, assistant_id)


@router.patch("/{assistant_id}", summary="Change an assistant, as a new version")
async def update(rooms: Rooms, ctx: Writer, assistant_id: Named, body: AssistantPatch) -> Assistant:
    change = body.change(body.graph_id)
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await assistants.update(connection, ctx, rooms.engine.catalog, assistant_id, change)


@router.delete("/{assistant_id}", status_code=204, summary="Delete an assistant")
async def delete(rooms: Rooms, ctx: Writer, assistant_id: Named, delete_threads: bool = False) -> None:
    """With its versions and crons, and if asked with the threads on which it ran last."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        await assistants.delete(connection, ctx, rooms.engine.catalog, assistant_id, delete_threads=delete_threads)


@router.post("/{assistant_id}/versions", summary="List an assistant's versions")
async def versions(
    rooms: Rooms, ctx: Reader, assistant_id: Named, body: AssistantVersionsSearchRequest
) -> list[Assistant]:
    metadata = clean_metadata(body.metadata)
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await assistants.versions(
            connection,
            ctx,
            rooms.engine.catalog,
            assistant_id,
            metadata=metadata,
            limit=body.limit,
            offset=body.offset,
        )


@router.post("/{assistant_id}/latest", summary="Go back to a version of an assistant")
async def set_latest(rooms: Rooms, ctx: Writer, assistant_id: Named, body: AssistantVersionChange) -> Assistant:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await assistants.set_latest(connection, ctx, rooms.engine.catalog, assistant_id, body.version)


@router.get("/{assistant_id}/graph", summary="Draw an assistant's graph")
async def draw(
    rooms: Rooms,
    ctx: Reader,
    assistant_id: Named,
    xray: Annotated[
        Literal["true", "True", "false", "False"] | PositiveInt,
        Query(description="Open subgraphs; a number says how deep."),
    ] = "false",
) -> dict[str, list[dict[str, Any]]]:
    async with introspection.opened(rooms.engine, ctx, await _get(rooms, ctx, assistant_id)) as graph:
        return await introspection.drawing(graph, xray=xray if isinstance(xray, int) else xray.lower() == "true")


@router.get("/{assistant_id}/schemas", summary="Get the schemas of an assistant's graph")
async def get_schemas(rooms: Rooms, ctx: Reader, assistant_id: Named) -> GraphSchema:
    assistant = await _get(rooms, ctx, assistant_id)
    async with introspection.opened(rooms.engine, ctx, assistant) as graph:
        return GraphSchema(graph_id=assistant.graph_id, **introspection.schemas(graph))


@router.get("/{assistant_id}/subgraphs", summary="Get the schemas of an assistant's subgraphs")
async def get_subgraphs(
    rooms: Rooms, ctx: Reader, assistant_id: Named, recurse: bool = False
) -> dict[str, GraphSchemaNoId]:
    return await _subgraphs(rooms, ctx, assistant_id, namespace=None, recurse=recurse)


@router.get("/{assistant_id}/subgraphs/{namespace}", summary="Get the schemas of one subgraph")
async def get_subgraph(
    rooms: Rooms,
    ctx: Reader,
    assistant_id: Named,
    namespace: Annotated[str, Path(max_length=1000)],
    recurse: bool = False,
) -> dict[str, GraphSchemaNoId]:
    return await _subgraphs(rooms, ctx, assistant_id, namespace=namespace, recurse=recurse)


async def _get(rooms: Services, ctx: TenantContext, assistant_id: UUID) -> Assistant:
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await assistants.get(connection, ctx, rooms.engine.catalog, assistant_id)


async def _subgraphs(
    rooms: Services, ctx: TenantContext, assistant_id: UUID, *, namespace: str | None, recurse: bool
) -> dict[str, GraphSchemaNoId]:
    async with introspection.opened(rooms.engine, ctx, await _get(rooms, ctx, assistant_id)) as graph:
        found = await introspection.subgraphs(graph, namespace=namespace, recurse=recurse)
    return {name: GraphSchemaNoId(**schemas) for name, schemas in found.items()}

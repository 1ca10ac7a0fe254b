"""`/store`: a member's own long-term memory, which graphs and clients share."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from api.agent_protocol.body import JsonRoute
from api.agent_protocol.paging import Limit, Offset
from api.dependencies import Allow, Rooms
from core.tenancy import TenantContext
from graphs.store import TenantStore, bounds
from tenants.permissions import Permission

router = APIRouter(prefix="/store", tags=["Store"], route_class=JsonRoute)


async def readable(
    rooms: Rooms, ctx: Annotated[TenantContext, Depends(Allow(Permission.THREADS_READ))]
) -> TenantStore:
    return TenantStore(rooms.database, ctx, rooms.embeddings)


async def writable(
    rooms: Rooms, ctx: Annotated[TenantContext, Depends(Allow(Permission.THREADS_WRITE))]
) -> TenantStore:
    return TenantStore(rooms.database, ctx, rooms.embeddings)


Readable = Annotated[TenantStore, Depends(readable)]
Writable = Annotated[TenantStore, Depends(writable)]


class StorePutRequest(BaseModel):
    namespace: list[str]
    key: str
    value: dict[str, Any]
    index: Literal[False] | list[str] | None = Field(
        None, description="What search compares: null is the whole value, false nothing, else these fields."
    )
    ttl: float | None = Field(None, gt=0, le=bounds.MAX_TTL_MINUTES, description="minutes; reading starts it again")


class StoreDeleteRequest(BaseModel):
    namespace: list[str] = []
    key: str


class StoreSearchRequest(BaseModel):
    namespace_prefix: list[str] | None = None
    filter: dict[str, Any] | None = None
    limit: Limit = 10
    offset: Offset = 0
    query: str | None = Field(None, description="Ordered by meaning; without it the latest come first.")
    refresh_ttl: bool | None = None


class StoreListNamespacesRequest(BaseModel):
    prefix: list[str] | None = None
    suffix: list[str] | None = None
    max_depth: int | None = Field(None, ge=1, le=bounds.MAX_DEPTH)
    limit: Limit = 100
    offset: Offset = 0


class Item(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    namespace: list[str]
    key: str
    value: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class SearchItem(Item):
    """`score` is the cosine to the query, 1 at most; null without a query."""

    score: float | None


class SearchItemsResponse(BaseModel):
    items: list[SearchItem]


class ListNamespaceResponse(BaseModel):
    namespaces: list[list[str]]


@router.put("/items", status_code=204, summary="Store or update an item")
async def put_item(store: Writable, body: StorePutRequest) -> None:
    bounds.check_namespace(body.namespace)
    await store.aput(tuple(body.namespace), body.key, body.value, body.index, ttl=body.ttl)


@router.get("/items", summary="Get an item, or null")
async def get_item(
    store: Readable,
    key: str,
    namespace: Annotated[list[str], Query(description="Labels, or several joined by periods.")],
    refresh_ttl: bool | None = None,
) -> Item | None:
    labels = ".".join(namespace).split(".")
    bounds.check_labels(labels)
    found = await store.aget(tuple(labels), key, refresh_ttl=refresh_ttl)
    return Item.model_validate(found) if found else None


@router.delete("/items", status_code=204, summary="Delete an item")
async def delete_item(store: Writable, body: StoreDeleteRequest) -> None:
    bounds.check_labels(body.namespace)
    await store.adelete(tuple(body.namespace), body.key)


@router.post("/items/search", summary="Search items")
async def search_items(store: Readable, body: StoreSearchRequest) -> SearchItemsResponse:
    prefix = body.namespace_prefix or []
    bounds.check_labels(prefix)
    found = await store.asearch(
        tuple(prefix),
        query=body.query,
        filter=body.filter,
        limit=body.limit,
        offset=body.offset,
        refresh_ttl=body.refresh_ttl,
    )
    return SearchItemsResponse(items=[SearchItem.model_validate(item) for item in found])


@router.post("/namespaces", summary="List namespaces")
async def list_namespaces(store: Readable, body: StoreListNamespacesRequest) -> ListNamespaceResponse:
    """`*` in `prefix` and `suffix` is any one label."""
    for labels in (body.prefix, body.suffix):
        bounds.check_labels(labels or [])
    found = await store.alist_namespaces(
        prefix=tuple(body.prefix or ()),
        suffix=tuple(body.suffix or ()),
        max_depth=body.max_depth,
        limit=body.limit,
        offset=body.offset,
    )
    return ListNamespaceResponse(namespaces=[list(namespace) for namespace in found])

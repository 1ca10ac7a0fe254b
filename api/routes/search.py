"""Search without a model: `/v1/knowledge-bases/{id}/query`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, StringConstraints

from api.dependencies import Allow, Rooms
from api.text import Storable
from core.tenancy import TenantContext
from retrieval import knowledge_bases
from retrieval.retriever import MAX_QUERY_CHARACTERS, Hit
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/knowledge-bases/{knowledge_base_id}", tags=["search"])

Searcher = Annotated[TenantContext, Depends(Allow(Permission.SEARCH))]


class Query(BaseModel):
    query: Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUERY_CHARACTERS), Storable]
    limit: int = Field(8, ge=1, le=50)


class Hits(BaseModel):
    hits: tuple[Hit, ...]


@router.post("/query", summary="Search a knowledge base")
async def query(rooms: Rooms, ctx: Searcher, knowledge_base_id: UUID, body: Query) -> Hits:
    await knowledge_bases.require_all(rooms.database, ctx, [knowledge_base_id])
    found = await rooms.retriever.search(ctx, body.query, knowledge_base_ids=[knowledge_base_id], limit=body.limit)
    return Hits(hits=found)

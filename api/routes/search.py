"""Search without a model: `/v1/knowledge-bases/{id}/query`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.dependencies import Allow, House
from api.text import Text
from core.tenancy import TenantContext
from retrieval import knowledge_bases
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/knowledge-bases/{knowledge_base_id}", tags=["search"])

Searcher = Annotated[TenantContext, Depends(Allow(Permission.SEARCH))]


class Query(BaseModel):
    query: Annotated[Text, StringConstraints(min_length=1, max_length=4000)]
    limit: int = Field(8, ge=1, le=50)


class Hit(BaseModel):
    """A chunk. `start` and `end` are its character offsets in the document's text, pages count from 1."""

    model_config = ConfigDict(from_attributes=True)

    document_id: UUID
    document_name: str
    knowledge_base_id: UUID
    version: int
    ordinal: int
    text: str
    headings: list[str]
    page_start: int | None
    page_end: int | None
    start: int
    end: int
    score: float
    dense_score: float
    lexical_score: float


class Hits(BaseModel):
    hits: list[Hit]


@router.post("/query")
async def query(house: House, ctx: Searcher, knowledge_base_id: UUID, body: Query) -> Hits:
    await knowledge_bases.require_all(house.database, ctx, [knowledge_base_id])
    found = await house.retriever.search(ctx, body.query, knowledge_base_ids=[knowledge_base_id], limit=body.limit)
    return Hits(hits=[Hit.model_validate(hit) for hit in found])

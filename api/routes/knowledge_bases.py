"""`/v1/knowledge-bases`: create, list, get, change, delete."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from api.dependencies import After, Allow, Limit, Rooms
from api.etag import IfMatch, conditional, require_match
from api.text import Description, Name
from core.paging import Page
from core.tenancy import TenantContext
from ingest import documents
from retrieval import knowledge_bases
from retrieval.knowledge_bases import KnowledgeBase
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/knowledge-bases", tags=["knowledge bases"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.KNOWLEDGE_BASES_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.KNOWLEDGE_BASES_WRITE))]


class NewKnowledgeBase(BaseModel):
    name: Name
    description: Description = ""


class KnowledgeBaseChange(BaseModel):
    name: Name | None = None
    description: Description | None = None


@router.post("", status_code=201, summary="Create a knowledge base")
async def create(rooms: Rooms, ctx: Writer, body: NewKnowledgeBase) -> KnowledgeBase:
    return await knowledge_bases.create(rooms.database, ctx, name=body.name, description=body.description)


@router.get("", summary="List knowledge bases")
async def list_page(rooms: Rooms, ctx: Reader, cursor: After, limit: Limit = 50) -> Page[KnowledgeBase]:
    return await knowledge_bases.list_page(rooms.database, ctx, cursor=cursor, limit=limit)


@router.get("/{knowledge_base_id}", response_model=KnowledgeBase, summary="Get a knowledge base")
async def get(rooms: Rooms, ctx: Reader, request: Request, knowledge_base_id: UUID) -> Response:
    return conditional(request, await knowledge_bases.get(rooms.database, ctx, knowledge_base_id))


@router.patch("/{knowledge_base_id}", summary="Change a knowledge base")
async def change(
    rooms: Rooms,
    ctx: Writer,
    knowledge_base_id: UUID,
    body: KnowledgeBaseChange,
    if_match: IfMatch = None,
) -> KnowledgeBase:
    return await knowledge_bases.update(
        rooms.database,
        ctx,
        knowledge_base_id,
        name=body.name,
        description=body.description,
        check=lambda present: require_match(if_match, present),
    )


@router.delete("/{knowledge_base_id}", status_code=204, summary="Delete a knowledge base")
async def delete(rooms: Rooms, ctx: Writer, knowledge_base_id: UUID) -> None:
    """With every document in it."""
    await documents.delete_knowledge_base(rooms.database, ctx, knowledge_base_id)

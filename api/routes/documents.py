"""`/v1/knowledge-bases/{id}/documents`: upload, list, get, follow, process again, delete."""

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, TypeAdapter
from sse_starlette import EventSourceResponse

from api.dependencies import After, Allow, IdempotencyKey, Limit, Rooms
from api.etag import conditional
from api.sse import EVENT_STREAM, event_stream, frame
from api.uploads import MULTIPART, Uploads, Writer
from core.paging import Page
from core.tenancy import TenantContext
from ingest import documents, progress
from ingest.documents import Document, Upload
from ingest.progress import DocumentProgress
from tenants import idempotency
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/knowledge-bases/{knowledge_base_id}/documents", tags=["documents"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.DOCUMENTS_READ))]

PROGRESS: TypeAdapter[DocumentProgress] = TypeAdapter(DocumentProgress)


class Uploaded(BaseModel):
    documents: list[Document]


@router.post("", status_code=202, openapi_extra=MULTIPART, summary="Upload documents")
async def upload(
    rooms: Rooms,
    ctx: Writer,
    knowledge_base_id: UUID,
    uploads: Uploads,
    idempotency_key: IdempotencyKey = None,
) -> Uploaded:
    """Stored when answered; searchable once its status is ready."""
    async with rooms.database.tenant_transaction(ctx) as connection:

        async def work() -> dict[str, Any]:
            found = await documents.upload(connection, ctx, knowledge_base_id, uploads)
            return Uploaded(documents=list(found)).model_dump(mode="json")

        response, _ = await idempotency.once(
            connection,
            ctx,
            operation=f"upload:{knowledge_base_id}",
            key=idempotency_key,
            request_hash=_request_hash(uploads),
            work=work,
        )
    return Uploaded.model_validate(response)


@router.get("", summary="List documents")
async def list_page(
    rooms: Rooms, ctx: Reader, knowledge_base_id: UUID, cursor: After, limit: Limit = 50
) -> Page[Document]:
    return await documents.list_page(rooms.database, ctx, knowledge_base_id, cursor=cursor, limit=limit)


@router.get("/{document_id}", response_model=Document, summary="Get a document")
async def get(rooms: Rooms, ctx: Reader, request: Request, knowledge_base_id: UUID, document_id: UUID) -> Response:
    return conditional(request, await documents.get(rooms.database, ctx, knowledge_base_id, document_id))


@router.get(
    "/{document_id}/events",
    response_class=EventSourceResponse,
    responses={200: EVENT_STREAM},
    summary="Follow a document until it is ready",
)
async def follow(
    rooms: Rooms, ctx: Reader, request: Request, knowledge_base_id: UUID, document_id: UUID
) -> EventSourceResponse:
    """Events `queued`, `loading` (pages done, in total), `embedding` (chunks), and at last `ready` or `failed`."""
    await documents.get(rooms.database, ctx, knowledge_base_id, document_id)

    async def frames() -> AsyncIterator[bytes]:
        async for step in progress.follow(rooms.database, rooms.cache, ctx, knowledge_base_id, document_id):
            yield frame(step.stage, PROGRESS.dump_json(step).decode())

    return event_stream(request, frames())


@router.post("/{document_id}/process", status_code=202, summary="Process a document again")
async def process_again(rooms: Rooms, ctx: Writer, knowledge_base_id: UUID, document_id: UUID) -> Document:
    """The stored bytes once more, as a new version; the present one is searched until that is ready."""
    return await documents.process_again(rooms.database, ctx, knowledge_base_id, document_id)


@router.delete("/{document_id}", status_code=204, summary="Delete a document")
async def delete(rooms: Rooms, ctx: Writer, knowledge_base_id: UUID, document_id: UUID) -> None:
    await documents.delete(rooms.database, ctx, knowledge_base_id, document_id)


def _request_hash(uploads: list[Upload]) -> bytes:
    digest = hashlib.sha256()
    for upload in uploads:
        digest.update(upload.name.encode() + b"\0" + upload.sha256)
    return digest.digest()

"""The files of a multipart body, read only for a caller who may upload them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from api.dependencies import Allow, Rooms
from core.errors import Invalid, TooLarge
from core.tenancy import TenantContext
from ingest.documents import Upload
from ingest.names import document_name
from tenants.permissions import Permission

Writer = Annotated[TenantContext, Depends(Allow(Permission.DOCUMENTS_WRITE))]

# FastAPI would describe such a body by itself, and read it before it asks who sends it.
MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}


async def uploads(request: Request, rooms: Rooms, _: Writer) -> AsyncIterator[list[Upload]]:
    """Every file in the field `files`. Raises `Invalid` or `TooLarge`."""
    # The form waits on disk; in memory are only as many uploads as there are places.
    async with request.form() as form, rooms.upload_places:
        yield await _read(form, rooms.settings.upload_max_files)


async def _read(form: FormData, max_files: int) -> list[Upload]:
    files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
    if not files:
        raise Invalid("Send one or more files in the field `files` of a multipart/form-data body.")
    if len(files) > max_files:
        raise TooLarge(f"Send at most {max_files} files at once.")
    found = [await asyncio.to_thread(Upload.of, document_name(file.filename), await file.read()) for file in files]
    if len({upload.name for upload in found}) < len(found):
        raise Invalid("Two files have the same name; rename one, or send them one after the other.")
    return found


Uploads = Annotated[list[Upload], Depends(uploads)]

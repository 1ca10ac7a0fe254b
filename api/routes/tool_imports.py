"""`/v1/tools/import/openapi`: the operations of an OpenAPI document become tools, and again when it has changed."""

import asyncio
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from api.dependencies import Allow, Rooms
from api.routes.tools import ToolName
from core.tenancy import TenantContext
from tenants.permissions import Permission
from tools.admin import importing
from tools.admin.import_reading import Wish
from tools.admin.importing import Applied, Preview
from tools.definitions import NAME_PATTERN, SideEffect
from tools.registry import imports
from tools.registry.grants import NewGrants
from tools.registry.imports import Imported

router = APIRouter(prefix="/v1/tools/import/openapi", tags=["tools"])

Reader = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_READ))]
Writer = Annotated[TenantContext, Depends(Allow(Permission.TOOLS_WRITE))]


class NewImport(BaseModel):
    """Either `url` or `document`. The same `name` again brings its tools up to date."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=NAME_PATTERN, description="the `source` of its tools, which share credentials")
    url: str | None = Field(None, min_length=1, max_length=2048)
    document: str | dict[str, Any] | None = Field(None, description="OpenAPI 3, as JSON or as text in JSON or YAML")
    base_url: str | None = Field(None, max_length=2048, description="in place of the document's servers")
    operations: frozenset[str] | None = Field(None, description="such as `GET /pets/{petId}`; all if left out")
    prefix: str | None = Field(None, pattern=r"^[a-zA-Z0-9_-]{1,32}$", description="of the names of tools")
    side_effects: dict[str, Literal["none", "read", "write"]] = Field(
        {}, description="by operation; GET, HEAD and OPTIONS read by themselves, all others write"
    )
    per_user: frozenset[str] = Field(
        frozenset(), description="ids of credentials that everyone connects for themselves"
    )
    grants: NewGrants = ()

    @model_validator(mode="after")
    def has_one_document(self) -> Self:
        if (self.url is None) is (self.document is None):
            raise ValueError("pass either `url` or `document`")
        return self

    @property
    def wish(self) -> Wish:
        said = {operation: SideEffect(effect) for operation, effect in self.side_effects.items()}
        return Wish(
            self.name,
            self.url,
            self.document,
            self.base_url,
            self.operations,
            self.prefix,
            said,
            self.per_user,
            self.grants,
        )


async def import_body(request: Request, _: Writer) -> NewImport:
    """Megabytes, and so read only for a caller who may import."""
    body = await request.body()
    try:
        return await asyncio.to_thread(NewImport.model_validate_json, body)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False, include_context=False)
        raise RequestValidationError([error | {"loc": ("body", *error["loc"])} for error in errors]) from exc


ImportBody = Annotated[NewImport, Depends(import_body)]
# FastAPI would read the body by itself, before it asks who sends it.
_SCHEMA = NewImport.model_json_schema(ref_template="#/components/schemas/{model}")
# Other routes describe these too.
del _SCHEMA["$defs"]
_DESCRIBED = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}}


@router.post("/preview", summary="Look at what an OpenAPI document would become", openapi_extra=_DESCRIBED)
async def preview(rooms: Rooms, ctx: Writer, body: ImportBody) -> Preview:
    """Every operation is a tool, or skipped with a reason. Nothing is changed."""
    return await importing.preview(rooms.engine.toolbox, ctx, body.wish)


@router.post("", summary="Import an OpenAPI document", openapi_extra=_DESCRIBED)
async def apply(rooms: Rooms, ctx: Writer, body: ImportBody) -> Applied:
    """All of what the preview shows, or nothing. Tools that were here before and are not chosen now are withdrawn."""
    return await importing.apply(rooms.engine.toolbox, ctx, body.wish)


@router.get("", summary="List imports")
async def list_all(rooms: Rooms, ctx: Reader) -> list[Imported]:
    """By name. `GET /v1/tools?source=<name>` lists the tools of one."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        return await imports.listed(connection, ctx)


@router.delete("/{imported}", status_code=204, summary="Delete an import")
async def delete(rooms: Rooms, ctx: Writer, imported: ToolName) -> None:
    """With its tools and credentials. What was called stays in the audit."""
    await importing.delete(rooms.engine.toolbox, ctx, imported)

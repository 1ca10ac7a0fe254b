"""`GET /v1/models`: the tenant's assistants."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from agents.assistants import assistants
from agents.assistants import search as assistant_search
from agents.assistants.assistants import Assistant
from agents.assistants.search import Filter
from api.dependencies import Allow, Rooms
from api.openai.errors import ModelNotFound, OpenAiRoute
from core.errors import NotFound
from core.tenancy import TenantContext
from graphs.catalog.catalog import default_assistant_id
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/models", tags=["OpenAI"], route_class=OpenAiRoute)

MAX_MODELS = 1000

Reader = Annotated[TenantContext, Depends(Allow(Permission.ASSISTANTS_READ))]


class Model(BaseModel):
    """`owned_by` is `atrium` for the assistant that every graph has, `tenant` for the tenant's own."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["atrium", "tenant"]
    name: str

    @staticmethod
    def of(assistant: Assistant) -> "Model":
        return Model(
            id=model_id(assistant),
            created=int(assistant.created_at.timestamp()),
            owned_by="atrium" if _is_default(assistant) else "tenant",
            name=assistant.name,
        )


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


def model_id(assistant: Assistant) -> str:
    """The graph's id stands for its default assistant."""
    return assistant.graph_id if _is_default(assistant) else str(assistant.assistant_id)


@router.get("", summary="List models")
async def list_models(rooms: Rooms, ctx: Reader) -> Models:
    """The newest thousand assistants."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        found = await assistant_search.search(connection, ctx, rooms.engine.catalog, Filter(), limit=MAX_MODELS)
    return Models(data=[Model.of(assistant) for assistant in found])


@router.get("/{model}", summary="Get a model")
async def get(rooms: Rooms, ctx: Reader, model: str) -> Model:
    """By the id of a graph or of an assistant."""
    async with rooms.database.tenant_transaction(ctx) as connection:
        try:
            return Model.of(await assistants.resolve(connection, ctx, rooms.engine.catalog, model))
        except NotFound as exc:
            raise ModelNotFound from exc


def _is_default(assistant: Assistant) -> bool:
    return assistant.assistant_id == default_assistant_id(assistant.graph_id)

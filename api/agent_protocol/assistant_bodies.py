"""What clients send and get about assistants."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from agents.assistants.assistants import Change
from agents.assistants.search import Filter, SortBy, SortOrder
from agents.untrusted import Config, clean_config, clean_context, clean_metadata
from api.agent_protocol.paging import Limit, Offset
from api.text import Description, Name, Storable

GraphId = Annotated[str, Field(min_length=1, max_length=200), Storable]
Fields = Literal[
    "assistant_id", "graph_id", "name", "description", "config", "context", "created_at", "updated_at", "metadata",
    "version",
]  # fmt: skip


class _Settings(BaseModel):
    config: Config | None = None
    context: dict[str, Any] | None = Field(None, description="Merged under what a run brings.")
    metadata: dict[str, Any] | None = None
    name: Name | None = None
    description: Description | None = None

    def change(self, graph_id: str | None) -> Change:
        """Without what only the server may say. Raises `Invalid`."""
        return Change(
            graph_id=graph_id,
            name=self.name,
            description=self.description,
            config=None if self.config is None else clean_config(self.config),
            context=None if self.context is None else clean_context(self.context),
            metadata=clean_metadata(self.metadata),
        )


class AssistantCreate(_Settings):
    graph_id: GraphId
    assistant_id: UUID | None = None
    if_exists: Literal["raise", "do_nothing"] = "raise"


class AssistantPatch(_Settings):
    """What is left out stays; `metadata` is merged."""

    graph_id: GraphId | None = None


class AssistantCountRequest(BaseModel):
    metadata: dict[str, Any] = {}
    graph_id: GraphId | None = None
    name: Annotated[str, Field(max_length=200), Storable] | None = Field(
        None, description="A part of it, in any case."
    )

    def filter(self) -> Filter:
        return Filter(self.graph_id, self.name, clean_metadata(self.metadata))


class AssistantSearchRequest(AssistantCountRequest):
    limit: Limit = 10
    offset: Offset = 0
    sort_by: SortBy | None = None
    sort_order: SortOrder | None = None
    select: list[Fields] | None = Field(None, max_length=20)


class AssistantVersionsSearchRequest(BaseModel):
    metadata: dict[str, Any] | None = None
    limit: Limit = 10
    offset: Offset = 0


class AssistantVersionChange(BaseModel):
    version: int = Field(ge=1, le=2**31 - 1)


class GraphSchemaNoId(BaseModel):
    """JSON schemas; null where a type has none."""

    input_schema: dict[str, Any] | None
    output_schema: dict[str, Any] | None
    state_schema: dict[str, Any] | None
    config_schema: dict[str, Any] | None
    context_schema: dict[str, Any] | None


class GraphSchema(GraphSchemaNoId):
    graph_id: str

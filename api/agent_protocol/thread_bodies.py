"""What a client of the Agent Server protocol says of threads, and what it is told."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from agents.threads import threads
from agents.threads.search import Field as ThreadField
from agents.threads.search import SortBy, Wanted
from agents.threads.threads import Expiry, Status
from agents.untrusted import StorableBody
from api.agent_protocol.paging import Limit, Offset
from api.agent_protocol.run_bodies import Checkpoint, Command

JsonObject = dict[str, Any]

# Ten years, in minutes.
MAX_TTL_MINUTES = 10 * 366 * 24 * 60
NodeName = Annotated[str, StringConstraints(max_length=200)]
Alias = Annotated[str, StringConstraints(pattern="^[a-zA-Z_][a-zA-Z0-9_]{0,99}$")]


class Ttl(StorableBody):
    """`ttl` is in minutes from now."""

    strategy: Expiry = "delete"
    ttl: Annotated[float, Field(gt=0, le=MAX_TTL_MINUTES)] | None = None

    def wanted(self) -> threads.Ttl | None:
        return None if self.ttl is None else threads.Ttl(self.ttl, self.strategy)


class SuperstepUpdate(StorableBody):
    values: Any = None
    command: Command | None = None
    as_node: NodeName


class Superstep(StorableBody):
    updates: Annotated[list[SuperstepUpdate], Field(max_length=1000)]


class ThreadCreate(StorableBody):
    thread_id: UUID | None = None
    metadata: JsonObject | None = None
    if_exists: Literal["raise", "do_nothing"] | None = None
    ttl: Ttl | None = None
    supersteps: Annotated[list[Superstep], Field(max_length=1000)] | None = None


class ThreadPatch(StorableBody):
    metadata: JsonObject | None = Field(None, description="Merged with what the thread has.")
    ttl: Ttl | None = None


class ThreadCountRequest(StorableBody):
    """`metadata` and `values` must be contained in a thread's own."""

    metadata: JsonObject | None = None
    values: JsonObject | None = None
    status: Status | None = None

    def wanted(self) -> Wanted:
        return Wanted(metadata=self.metadata or {}, values=self.values or {}, status=self.status)


class ThreadSearchRequest(ThreadCountRequest):
    ids: Annotated[list[UUID], Field(max_length=1000)] | None = None
    limit: Limit = 10
    offset: Offset = 0
    sort_by: SortBy | None = None
    sort_order: Literal["asc", "desc"] | None = None
    select: Annotated[list[ThreadField], Field(max_length=20)] | None = None
    extract: Annotated[dict[Alias, Annotated[str, Field(max_length=500)]], Field(max_length=10)] | None = Field(
        None, description='Names and paths, such as {"last": "values.messages[-1].content"}.'
    )

    def wanted(self) -> Wanted:
        return replace(super().wanted(), ids=None if self.ids is None else tuple(self.ids))


class ThreadPruneRequest(StorableBody):
    thread_ids: Annotated[list[UUID], Field(max_length=1000)]
    strategy: Expiry = "delete"


class ThreadPruneResponse(BaseModel):
    pruned_count: int


class ThreadStateUpdate(StorableBody):
    values: Any = None
    checkpoint: Checkpoint | None = None
    checkpoint_id: str | None = Field(None, max_length=200, deprecated=True)
    as_node: NodeName | None = None

    def place(self) -> JsonObject | None:
        named = {"checkpoint_id": self.checkpoint_id} if self.checkpoint_id else {}
        return {**named, **pointers(self.checkpoint)} or None


class ThreadStateCheckpointRequest(StorableBody):
    checkpoint: Checkpoint
    subgraphs: bool = False


class ThreadStateSearch(StorableBody):
    limit: Limit = 1
    before: Checkpoint | Annotated[str, Field(max_length=200)] | None = None
    metadata: JsonObject | None = None
    checkpoint: Checkpoint | None = None


def pointers(checkpoint: Checkpoint | None) -> JsonObject:
    return {} if checkpoint is None else checkpoint.model_dump(exclude_none=True, exclude={"thread_id"})


class TtlInfo(BaseModel):
    strategy: Expiry
    ttl_minutes: float
    expires_at: datetime


class Thread(BaseModel):
    """`values` is null before the first run; `ttl` and `extracted` are there when they were asked for."""

    thread_id: UUID
    created_at: datetime
    updated_at: datetime
    state_updated_at: datetime
    metadata: JsonObject
    config: JsonObject
    status: Status
    values: JsonObject | None
    interrupts: dict[str, list[JsonObject]]
    error: JsonObject | None
    ttl: TtlInfo | None = None
    extracted: JsonObject | None = None


class ThreadUsage(BaseModel):
    count: int
    bytes: int


class ChannelUsage(BaseModel):
    versions: int
    bytes: int


class ChannelsUsage(ThreadUsage):
    by_channel: dict[str, ChannelUsage]


class ThreadStorage(BaseModel):
    thread_id: UUID
    total_bytes: int
    checkpoints: ThreadUsage
    channel_values: ChannelsUsage
    pending_writes: ThreadUsage


class Interrupt(BaseModel):
    id: str | None
    value: Any
    response_schema: JsonObject | None = None


class ThreadTask(BaseModel):
    id: str
    name: str
    path: list[Any]
    error: str | None
    interrupts: list[Interrupt]
    checkpoint: Checkpoint | None
    state: "ThreadState | None"
    result: Any


class ThreadState(BaseModel):
    values: JsonObject | list[Any]
    next: list[str]
    tasks: list[ThreadTask]
    checkpoint: Checkpoint | None
    metadata: JsonObject | None
    created_at: str | None
    parent_checkpoint: Checkpoint | None
    interrupts: list[Interrupt]
    checkpoint_id: str | None = Field(deprecated=True)
    parent_checkpoint_id: str | None = Field(deprecated=True)


class ThreadStateUpdateResponse(BaseModel):
    checkpoint: Checkpoint
    configurable: Checkpoint = Field(deprecated=True)
    checkpoint_id: str = Field(deprecated=True)

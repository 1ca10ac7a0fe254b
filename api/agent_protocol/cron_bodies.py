"""What a client of the Agent Server protocol asks of a cron, and what it is shown of one."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from agents import untrusted
from agents.crons.crons import Change, Cron, CronRequest, OnRunCompleted, Timing
from agents.crons.schedule import LONGEST
from agents.crons.search import SortBy, SortOrder
from agents.runs.runs import MultitaskStrategy
from agents.untrusted import Config, StorableBody
from api.agent_protocol.paging import Limit, Offset
from api.agent_protocol.run_bodies import Mode, Nodes
from tools.egress.policy import LONGEST_URL

_TIMING = ("schedule", "timezone", "end_time", "enabled")
_LATEST_YEAR = 9000


def _in_utc(moment: datetime) -> datetime:
    """Without a time zone it is UTC."""
    if not datetime.min.year < moment.year < _LATEST_YEAR:
        raise ValueError(f"must be before the year {_LATEST_YEAR}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
Schedule = Annotated[
    str, Field(max_length=LONGEST, description="Five fields, like */5 * * * *, or a name like @daily.")
]
Timezone = Annotated[str, Field(max_length=100, description="IANA's name for it; UTC when left out.")]


class _Wanted(StorableBody):
    """What creating and changing a cron have in common; null is the same as left out."""

    timezone: Timezone | None = None
    end_time: Moment | None = Field(None, description="Nothing starts after it.")
    input: Any = None
    metadata: dict[str, Any] | None = None
    config: Config | None = None
    context: dict[str, Any] | None = None
    webhook: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)] | None = None
    interrupt_before: Nodes | None = None
    interrupt_after: Nodes | None = None
    stream_mode: Mode | Annotated[list[Mode], Field(max_length=9)] | None = None
    stream_subgraphs: bool | None = None
    stream_resumable: bool | None = Field(
        None, description="Every stream can be resumed; there is nothing to turn on."
    )
    durability: Literal["sync", "async", "exit"] | None = None

    def asked(self) -> dict[str, Any]:
        """The fields of a `CronRequest` that are given, cleaned of what only the server may say. Raises `Invalid`."""
        fields = {
            "input": self.input,
            "config": None if self.config is None else untrusted.clean_config(self.config),
            "context": None if self.context is None else untrusted.clean_context(self.context),
            "webhook": self.webhook,
            "interrupt_before": _listed(self.interrupt_before),
            "interrupt_after": _listed(self.interrupt_after),
            "stream_mode": (self.stream_mode,) if isinstance(self.stream_mode, str) else _listed(self.stream_mode),
            "stream_subgraphs": self.stream_subgraphs,
            "durability": self.durability,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def labels(self) -> dict[str, Any]:
        return untrusted.clean_metadata(self.metadata)


class ThreadCronCreate(_Wanted):
    assistant_id: UUID | Annotated[str, Field(max_length=200)]
    schedule: Schedule
    enabled: bool = True
    multitask_strategy: MultitaskStrategy = "enqueue"

    def timing(self) -> Timing:
        return Timing(self.schedule, self.timezone, self.end_time, self.enabled)

    def request(self) -> CronRequest:
        return CronRequest(**self.asked(), multitask_strategy=self.multitask_strategy)


class CronCreate(ThreadCronCreate):
    on_run_completed: OnRunCompleted = Field("delete", description="What becomes of the thread of each run.")


class CronPatch(_Wanted):
    """`end_time: null` lets it go on for ever; any other field that is null stays as it is."""

    schedule: Schedule | None = None
    enabled: bool | None = None
    on_run_completed: OnRunCompleted | None = None

    def change(self) -> Change:
        given = {name: getattr(self, name) for name in _TIMING if name in self.model_fields_set}
        timing = {name: value for name, value in given.items() if value is not None or name == "end_time"}
        return Change(timing, self.asked(), self.labels(), self.on_run_completed)


class CronCountRequest(BaseModel):
    assistant_id: UUID | None = None
    thread_id: UUID | None = None
    metadata: dict[str, Any] | None = Field(None, description="Contained in the cron's.")


class CronSearch(CronCountRequest):
    enabled: bool | None = None
    limit: Limit = 10
    offset: Offset = 0
    sort_by: SortBy = "created_at"
    sort_order: SortOrder = "desc"
    select: list["CronField"] | None = Field(None, description="The fields to return; all when left out.")


CronField = Literal[
    "cron_id", "assistant_id", "thread_id", "on_run_completed", "end_time", "schedule", "timezone", "created_at",
    "updated_at", "user_id", "payload", "next_run_date", "metadata", "enabled",
]  # fmt: skip


class ShownCron(BaseModel):
    """`payload` is what each run is asked to do; `next_run_date` is null when none is to come."""

    cron_id: UUID
    assistant_id: UUID
    thread_id: UUID | None
    on_run_completed: OnRunCompleted | None
    end_time: datetime | None
    schedule: str
    timezone: str | None
    created_at: datetime
    updated_at: datetime
    user_id: str
    payload: dict[str, Any]
    next_run_date: datetime | None
    metadata: dict[str, Any]
    enabled: bool

    @classmethod
    def of(cls, cron: Cron) -> "ShownCron":
        asked = cron.request.model_dump(mode="json", exclude={"command", "checkpoint", "on_completion"})
        return cls(
            cron_id=cron.cron_id,
            assistant_id=cron.assistant_id,
            thread_id=cron.thread_id,
            on_run_completed=cron.on_run_completed,
            end_time=cron.timing.end_time,
            schedule=cron.timing.schedule,
            timezone=cron.timing.timezone,
            created_at=cron.created_at,
            updated_at=cron.updated_at,
            user_id=str(cron.user_id),
            payload={"assistant_id": str(cron.assistant_id), **asked},
            next_run_date=cron.next_run_date,
            metadata=cron.metadata,
            enabled=cron.timing.enabled,
        )


def _listed(names: Any) -> Any:
    return tuple(names) if isinstance(names, list) else names

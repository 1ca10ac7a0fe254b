"""What a client of the Agent Server protocol asks of a run."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from agents import untrusted
from agents.runs.request import RunRequest
from agents.runs.runs import MultitaskStrategy
from agents.untrusted import Config, StorableBody
from tools.egress.policy import LONGEST_URL

Mode = Literal["values", "messages", "messages-tuple", "tasks", "checkpoints", "updates", "events", "debug", "custom"]
Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]
Nodes = Literal["*"] | Names

# A year: what is to happen later than that is a cron.
MAX_DELAY_SECONDS = 365 * 86400


class Send(BaseModel):
    node: str
    input: Any = None


class Command(BaseModel):
    update: Any = None
    resume: Any = None
    goto: Send | list[Send] | str | list[str] | None = None


class Checkpoint(BaseModel):
    """`thread_id` in it is ignored: the thread is the one in the address."""

    thread_id: str | None = None
    checkpoint_ns: str | None = None
    checkpoint_id: str | None = None
    checkpoint_map: dict[str, Any] | None = None


class _RunCreate(StorableBody):
    assistant_id: UUID | Annotated[str, Field(max_length=200)]
    input: Any = None
    command: Command | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    config: Config | None = None
    context: dict[str, Any] | None = None
    webhook: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)] | None = None
    interrupt_before: Nodes | None = None
    interrupt_after: Nodes | None = None
    stream_mode: Mode | Annotated[list[Mode], Field(max_length=9)] = Field(["values"])
    stream_subgraphs: bool = False
    stream_resumable: bool = Field(False, description="Every stream can be resumed; there is nothing to turn on.")
    feedback_keys: Names | None = Field(None, description="Accepted and not used: Atrium gives no feedback links.")
    after_seconds: Annotated[float, Field(ge=0, le=MAX_DELAY_SECONDS)] | None = None
    checkpoint_during: bool | None = Field(None, deprecated=True)
    durability: Literal["sync", "async", "exit"] | None = None
    on_disconnect: Literal["cancel", "continue"] = "continue"

    def request(self, *, extra_mode: Mode | None = None) -> RunRequest:
        """Cleaned of what only the server may say. Raises `Invalid`."""
        asked = [self.stream_mode] if isinstance(self.stream_mode, str) else self.stream_mode
        modes = [*asked, extra_mode] if extra_mode is not None else asked
        command = None if self.command is None else self.command.model_dump(exclude_none=True)
        return RunRequest(
            input=self.input,
            command=command or None,
            config=untrusted.clean_config(self.config),
            context=untrusted.clean_context(self.context),
            checkpoint=self._checkpoint(),
            stream_mode=tuple(dict.fromkeys(modes)),
            stream_subgraphs=self.stream_subgraphs,
            interrupt_before=_nodes(self.interrupt_before),
            interrupt_after=_nodes(self.interrupt_after),
            durability=self.durability or ("exit" if self.checkpoint_during is False else "async"),
            webhook=self.webhook,
        )

    def _checkpoint(self) -> dict[str, Any] | None:
        return None


class RunCreateStateful(_RunCreate):
    checkpoint: Checkpoint | None = None
    checkpoint_id: str | None = None
    multitask_strategy: MultitaskStrategy = "enqueue"
    if_not_exists: Literal["create", "reject"] = "reject"

    def _checkpoint(self) -> dict[str, Any] | None:
        named = (
            {} if self.checkpoint is None else self.checkpoint.model_dump(exclude_none=True, exclude={"thread_id"})
        )
        if self.checkpoint_id is not None:
            named["checkpoint_id"] = self.checkpoint_id
        return named or None


class RunCreateStateless(_RunCreate):
    on_completion: Literal["delete", "keep"] = "delete"

    def request(self, *, extra_mode: Mode | None = None) -> RunRequest:
        return super().request(extra_mode=extra_mode).model_copy(update={"on_completion": self.on_completion})


class RunsCancel(BaseModel):
    """Either `status`, for all that the caller reaches, or `thread_id` with `run_ids`."""

    status: Literal["pending", "running", "all"] | None = None
    thread_id: UUID | None = None
    run_ids: Annotated[list[UUID], Field(max_length=1000)] | None = None


def _nodes(nodes: Nodes | None) -> Literal["*"] | tuple[str, ...] | None:
    return tuple(nodes) if isinstance(nodes, list) else nodes

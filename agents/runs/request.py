"""What a run was asked to do, as it is stored with the run."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from graphs.client_context import narrowed

StreamMode = Literal[
    "values",
    "updates",
    "messages",
    "messages-tuple",
    "events",
    "debug",
    "custom",
    "tasks",
    "checkpoints",
    "chat",  # the typed events of /v1/chat
    "protocol",  # every channel of the thread-centric generation
]
Durability = Literal["sync", "async", "exit"]
Nodes = Literal["*"] | tuple[str, ...]


class RunRequest(BaseModel):
    """`config`, `context` and `checkpoint` are a client's and name no tenant, user or thread: see `agents.untrusted`.

    `command` is {resume, update, goto}; `on_completion` says what becomes of a stateless run's thread.
    """

    model_config = ConfigDict(frozen=True)

    input: Any = None
    command: dict[str, Any] | None = None
    config: dict[str, Any] = {}
    context: dict[str, Any] = {}
    checkpoint: dict[str, Any] | None = None
    stream_mode: tuple[StreamMode, ...] = ("values",)
    stream_subgraphs: bool = False
    interrupt_before: Nodes | None = None
    interrupt_after: Nodes | None = None
    durability: Durability = "async"
    webhook: str | None = None
    on_completion: Literal["delete", "keep"] | None = None

    def on(self, config: dict[str, Any], context: dict[str, Any]) -> "RunRequest":
        """Over what its assistant is configured with."""
        configurable = {**config.get("configurable", {}), **self.config.get("configurable", {})}
        tags = [*config.get("tags", []), *self.config.get("tags", [])]
        merged = {**config, **self.config, "configurable": configurable, "tags": tags}
        return self.model_copy(update={"config": merged, "context": narrowed(context, self.context)})

"""Channel `tasks`: LangGraph folds these parts into `lifecycle`, so they are picked up before it does."""

from typing import Any, ClassVar

from langgraph.stream import ProtocolEvent, StreamChannel, StreamTransformer

from agents.modes.checkpoints import shown_task
from agents.wire import told


class TaskEvents(StreamTransformer):
    """Asks LangGraph for every channel as well. `told_errors` gathers what failed tasks may tell a client."""

    # Both names are LangGraph's: events go by the channel's plain name, and this transformer sees them first.
    _native = True
    before_builtins = True
    required_stream_modes: ClassVar[tuple[str, ...]] = ("updates", "custom", "tasks", "checkpoints", "tools")

    def __init__(self, scope: tuple[str, ...], told_errors: set[str]) -> None:
        super().__init__(scope)
        self._channel: StreamChannel[dict[str, Any]] = StreamChannel("tasks")
        self._told_errors = told_errors

    def init(self) -> dict[str, Any]:
        return {"atrium_tasks": self._channel}

    def process(self, event: ProtocolEvent) -> bool:
        # Each subgraph gets a copy of this transformer, which would say everything once more.
        if event["method"] == "tasks" and not self.scope:
            params = event["params"]
            params["data"] = self._shown(params["data"])
            self._channel.push({"namespace": params["namespace"], "data": params["data"]})
        return True

    def _shown(self, task: dict[str, Any]) -> dict[str, Any]:
        shown = shown_task(task)
        if isinstance(error := shown.get("error"), BaseException):
            shown["error"] = told(error) or type(error).__name__
            self._told_errors.add(shown["error"])
        return shown

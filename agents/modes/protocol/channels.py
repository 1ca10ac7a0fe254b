"""From LangGraph's own protocol events to the channels that clients of the thread-centric generation subscribe to."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from langgraph.types import Interrupt

from agents.modes.protocol.checkpoints import Checkpoints
from agents.modes.protocol.envelope import Envelope, envelope
from agents.modes.protocol.lifecycle import Lifecycle
from agents.modes.protocol.tools import told_tool

_CUSTOM = "custom:"


class Channels:
    """Of one run; an interrupt and a checkpoint are told once, however often LangGraph mentions them."""

    def __init__(self, told_errors: Collection[str]) -> None:
        self._lifecycle = Lifecycle(told_errors)
        self._requested: set[str] = set()
        self._checkpoints = Checkpoints()

    def told(self, method: str, params: Mapping[str, Any]) -> Iterator[Envelope]:
        namespace, timestamp, data = params["namespace"], params["timestamp"], params["data"]
        match method:
            case "values":
                yield from self._requests(namespace, params.get("interrupts", ()))
                yield from self._checkpoints.state(namespace, data, timestamp)
            case "updates":
                if "__interrupt__" in data:
                    yield from self._requests(namespace, data["__interrupt__"])
                else:
                    yield envelope("updates", namespace, data, timestamp)
            case "messages":
                # Whole messages come with the state; only what streams is told here.
                piece = data[0] if isinstance(data, tuple) else data
                if isinstance(piece, dict) and "event" in piece:
                    yield envelope("messages", namespace, piece, timestamp)
            case "tools":
                yield from told_tool(data, namespace, timestamp)
            case "lifecycle":
                yield from self._checkpoints.unsaved(data["namespace"])
                if told := self._lifecycle.told(data, timestamp):
                    yield told
            case "checkpoints":
                yield from self._checkpoints.saved(namespace, data, timestamp)
            case "tasks":
                yield from self._checkpoints.unsaved(data["namespace"])
                yield envelope("tasks", data["namespace"], data["data"], timestamp)
            case "custom":
                yield envelope("custom", namespace, data, timestamp)
            case _ if method.startswith(_CUSTOM):
                named = {"name": method.removeprefix(_CUSTOM), "payload": data}
                yield envelope("custom", namespace, named, timestamp)

    def rest(self) -> Iterator[Envelope]:
        """What is left when the graph has come to its end."""
        return self._checkpoints.rest()

    def _requests(self, namespace: Sequence[str], interrupts: Iterable[Interrupt]) -> Iterator[Envelope]:
        for interrupt in interrupts:
            if interrupt.id not in self._requested:
                self._requested.add(interrupt.id)
                data = {"interrupt_id": interrupt.id, "payload": interrupt.value}
                yield envelope("input.requested", namespace, data)

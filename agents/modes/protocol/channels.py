"""From LangGraph's own protocol events to the channels that clients of the thread-centric generation subscribe to."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from langgraph.types import Interrupt

from agents.modes.protocol.envelope import Envelope, envelope
from agents.modes.protocol.lifecycle import Lifecycle
from agents.modes.protocol.tools import told_tool

_CUSTOM = "custom:"


class Channels:
    """Of one run; an interrupt and a checkpoint are told once, however often LangGraph mentions them."""

    def __init__(self, told_errors: Collection[str]) -> None:
        self._lifecycle = Lifecycle(told_errors)
        self._requested: set[str] = set()
        self._checkpoints: set[tuple[str, ...]] = set()

    def told(self, method: str, params: Mapping[str, Any]) -> Iterator[Envelope]:
        namespace, timestamp, data = params["namespace"], params["timestamp"], params["data"]
        match method:
            case "values":
                yield from self._requests(namespace, params.get("interrupts", ()))
                yield envelope("values", namespace, data, timestamp)
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
                if told := self._lifecycle.told(data, timestamp):
                    yield told
            case "checkpoints":
                yield from self._checkpoint(namespace, data, timestamp)
            case "tasks":
                yield envelope("tasks", data["namespace"], data["data"], timestamp)
            case "custom":
                yield envelope("custom", namespace, data, timestamp)
            case _ if method.startswith(_CUSTOM):
                named = {"name": method.removeprefix(_CUSTOM), "payload": data}
                yield envelope("custom", namespace, named, timestamp)

    def _requests(self, namespace: Sequence[str], interrupts: Iterable[Interrupt]) -> Iterator[Envelope]:
        for interrupt in interrupts:
            if interrupt.id not in self._requested:
                self._requested.add(interrupt.id)
                data = {"interrupt_id": interrupt.id, "payload": interrupt.value}
                yield envelope("input.requested", namespace, data)

    def _checkpoint(self, namespace: Sequence[str], payload: Mapping[str, Any], timestamp: int) -> Iterator[Envelope]:
        id_ = payload["config"]["configurable"]["checkpoint_id"]
        if (*namespace, id_) in self._checkpoints:
            return
        self._checkpoints.add((*namespace, id_))
        data = {"id": id_, "step": payload["metadata"]["step"], "source": payload["metadata"]["source"]}
        if parent := payload["parent_config"]:
            data["parent_id"] = parent["configurable"]["checkpoint_id"]
        yield envelope("checkpoints", namespace, data, timestamp)

"""Channels `values` and `checkpoints`: each state right behind the checkpoint that keeps it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.modes.protocol.envelope import Envelope, envelope


class Checkpoints:
    """LangGraph tells a state before its checkpoint; clients take the one just before a state to be its own.

    So a state waits for its checkpoint, which is told once.
    """

    def __init__(self) -> None:
        self._told: set[tuple[str, ...]] = set()
        self._waiting: dict[tuple[str, ...], Envelope] = {}

    def state(self, namespace: Sequence[str], data: Any, timestamp: int) -> Iterator[Envelope]:
        yield from self.unsaved(namespace)
        self._waiting[tuple(namespace)] = envelope("values", namespace, data, timestamp)

    def saved(self, namespace: Sequence[str], payload: Mapping[str, Any], timestamp: int) -> Iterator[Envelope]:
        id_ = payload["config"]["configurable"]["checkpoint_id"]
        if (*namespace, id_) not in self._told:
            self._told.add((*namespace, id_))
            data = {"id": id_, "step": payload["metadata"]["step"], "source": payload["metadata"]["source"]}
            if parent := payload["parent_config"]:
                data["parent_id"] = parent["configurable"]["checkpoint_id"]
            yield envelope("checkpoints", namespace, data, timestamp)
        yield from self.unsaved(namespace)

    def unsaved(self, namespace: Sequence[str]) -> Iterator[Envelope]:
        """The state that waits, when no checkpoint will come for it any more."""
        if state := self._waiting.pop(tuple(namespace), None):
            yield state

    def rest(self) -> Iterator[Envelope]:
        while self._waiting:
            yield from self.unsaved(next(iter(self._waiting)))

"""From the parts that LangGraph streams to the events of the modes that were asked for."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from agents.modes import checkpoints
from agents.modes.chat import Chat
from agents.modes.messages import MessageTuples, PartialMessages
from agents.modes.metadata import shown
from agents.wire import dumps

Told = Iterable[tuple[str, Any]]
Teller = Callable[[Any], Told]


class Translation:
    """`asked` are the modes that LangGraph has to stream for it, and no more."""

    def __init__(self, modes: Collection[str], chat: Chat | None = None) -> None:
        self._tellers = {_SOURCE.get(mode, mode): _teller(mode) for mode in modes if mode != "chat"}
        if "messages-tuple" in modes:
            self._tellers["messages"] = _teller("messages-tuple")
        self._chat = chat
        needed = {*self._tellers, *(Chat.MODES if chat else ())} - {"events"}
        self.asked = sorted(needed) or ["values"]

    def opening(self) -> Iterator[tuple[str, str]]:
        if self._chat:
            yield from _named(self._chat.opening())

    def told(self, namespace: tuple[str, ...], mode: str, data: Any) -> Iterator[tuple[str, str]]:
        if self._chat and not namespace:
            yield from _named(self._chat.told(mode, data))
        if teller := self._tellers.get(mode):
            yield from _named(teller(data), "".join(f"|{segment}" for segment in namespace))


# Where a mode goes by another name in LangGraph.
_SOURCE = {"messages-tuple": "messages"}


def _teller(mode: str) -> Teller:
    match mode:
        case "messages":
            return PartialMessages().told
        case "messages-tuple":
            return MessageTuples().told
        case "tasks":
            return lambda task: [("tasks", checkpoints.shown_task(task))]
        case "checkpoints":
            return lambda checkpoint: [("checkpoints", checkpoints.shown_checkpoint(checkpoint))]
        case "debug":
            return lambda event: [("debug", checkpoints.shown_debug(event))]
        case "events":
            return lambda event: [("events", {**event, "metadata": shown(event.get("metadata") or {})})]
        case _:
            return lambda data: [(mode, data)]


def _named(told: Told, suffix: str = "") -> Iterator[tuple[str, str]]:
    return ((name + suffix, dumps(value)) for name, value in told)

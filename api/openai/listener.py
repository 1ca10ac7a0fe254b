"""What a run says while it runs, and what it ended with, out of its events."""

from collections.abc import Iterable
from typing import Any

import orjson

from agents.events.log import END, Event
from api.openai.answer import Answer, text_of
from api.openai.errors import RunFailed
from core.errors import ClientError, Unavailable

_SPOKEN = ("ai", "AIMessageChunk")


class Listener:
    """`node` is the one whose messages are passed on; None means every node of the graph itself."""

    def __init__(self, node: str | None) -> None:
        self._node = node
        self._heard: list[str | None] = []
        self._values: str | None = None
        self._failure: dict[str, Any] | None = None
        self._status: str | None = None

    def hear(self, events: Iterable[Event]) -> str:
        """The text to pass on. Raises `Unavailable` when another process began an answer anew."""
        return "".join([self._hear(event) for event in events])

    def answer(self, *, cited: bool) -> Answer:
        """After the last event. Raises `RunFailed`, and `ClientError` when the graph did not answer."""
        if self._failure is not None:
            raise RunFailed(self._failure["error"], self._failure["message"])
        if self._status != "success":
            raise Unavailable("The run was cancelled.", code="run_cancelled")
        values = orjson.loads(self._values or "null")
        if isinstance(values, dict) and "__interrupt__" in values:
            raise ClientError(
                "This model waits for a person: decide at /v1/approvals, or answer at /threads/{thread_id}/runs.",
                code="decision_needed",
            )
        found = Answer.among(values, cited=cited)
        if found is None:
            raise ClientError("This model ended without a message; ask it through /threads.", code="no_answer")
        return found

    def unheard(self, answer: Answer) -> str:
        """The answer's text if no model spoke it: it was not passed on yet."""
        return "" if answer.message_id in self._heard else self._parted(answer.message_id) + answer.text

    def _hear(self, event: Event) -> str:
        match event.name:
            case "messages":
                return self._spoken(*orjson.loads(event.data))
            case "values":
                self._values = event.data
            case "error":
                self._failure = orjson.loads(event.data)
            case "metadata" if self._heard:
                raise Unavailable("The answer was cut off and began again; ask again.", code="run_interrupted")
            case name if name == END:
                self._status = orjson.loads(event.data)["status"]
        return ""

    def _spoken(self, message: dict[str, Any], metadata: dict[str, Any]) -> str:
        if message["type"] not in _SPOKEN or self._node not in (None, metadata.get("langgraph_node")):
            return ""
        text = text_of(message["content"])
        return self._parted(message["id"]) + text if text else ""

    def _parted(self, message_id: str | None) -> str:
        """What stands between two messages of one answer."""
        if self._heard and self._heard[-1] == message_id:
            return ""
        self._heard.append(message_id)
        return "\n\n" if len(self._heard) > 1 else ""

"""Channel `lifecycle`: when the run, and each subgraph in it, begins and ends."""

from collections.abc import Collection, Mapping
from typing import Any

from agents.modes.protocol.envelope import Envelope, envelope

FAILED = "This part of the run failed."


def root_lifecycle(graph_id: str, event: str, error: str | None = None) -> Envelope:
    """`event` is running, completed, failed or interrupted."""
    data = {"event": event, "graph_name": graph_id}
    if event == "failed" and error is not None:
        data["error"] = error
    return envelope("lifecycle", (), data)


class Lifecycle:
    """Of subgraphs: `told_errors` are the texts of errors that a client may read."""

    def __init__(self, told_errors: Collection[str]) -> None:
        self._told_errors = told_errors
        self._names: dict[tuple[str, ...], str] = {}

    def told(self, data: Mapping[str, Any], timestamp: int) -> Envelope | None:
        namespace = tuple(data["namespace"])
        if not namespace:
            return None
        if data["event"] == "started":
            self._names[namespace] = data.get("graph_name") or _name(namespace)
            return envelope("lifecycle", namespace, dict(data), timestamp)
        shown = {"event": data["event"], "graph_name": self._names.get(namespace) or _name(namespace)}
        if error := data.get("error"):
            shown["error"] = error if error in self._told_errors else FAILED
        return envelope("lifecycle", namespace, shown, timestamp)


def _name(namespace: tuple[str, ...]) -> str:
    return namespace[-1].partition(":")[0]

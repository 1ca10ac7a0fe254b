"""Modes `tasks`, `checkpoints` and `debug`: what a graph is about to do, did and remembers."""

from collections.abc import Mapping
from typing import Any

from agents.modes.metadata import shown

POINTERS = ("checkpoint_id", "thread_id", "checkpoint_ns", "checkpoint_map")


def checkpoint_of(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The checkpoint that a configuration points at: its id, thread, namespace, and for a subgraph the map."""
    configurable = (config or {}).get("configurable") or {}
    if not configurable.get("checkpoint_id") or not configurable.get("thread_id"):
        return None
    return _pointers(configurable)


def shown_checkpoint(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **payload,
        "config": _shown_config(payload["config"]),
        "parent_config": _shown_config(payload["parent_config"]),
        "metadata": shown(payload["metadata"]),
        "tasks": [{**task, "state": _shown_config(task["state"])} for task in payload["tasks"]],
    }


def shown_task(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A task that starts, or its result."""
    if "metadata" not in payload:
        return dict(payload)
    return {**payload, "metadata": shown(payload["metadata"])}


def shown_debug(event: Mapping[str, Any]) -> dict[str, Any]:
    """One of the two above in an envelope; a checkpoint is named once more the way the API names it."""
    if event["type"] != "checkpoint":
        return {**event, "payload": shown_task(event["payload"])}
    payload = shown_checkpoint(event["payload"])
    payload["checkpoint"] = checkpoint_of(payload["config"])
    payload["parent_checkpoint"] = checkpoint_of(payload["parent_config"])
    payload["tasks"] = [_with_checkpoint(task) for task in payload["tasks"]]
    return {**event, "payload": payload}


def _with_checkpoint(task: dict[str, Any]) -> dict[str, Any]:
    if not task["state"]:
        return task
    return {
        **{name: value for name, value in task.items() if name != "state"},
        "checkpoint": task["state"]["configurable"],
    }


def _shown_config(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Of everything a graph was configured with, only the way back to the checkpoint."""
    return None if config is None else {"configurable": _pointers(config["configurable"])}


def _pointers(configurable: Mapping[str, Any]) -> dict[str, Any]:
    return {name: configurable[name] for name in POINTERS if name in configurable}

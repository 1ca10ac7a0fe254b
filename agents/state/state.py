"""What a thread remembers: its newest state, those before it, and changing it by hand."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.types import Interrupt, PregelTask, StateSnapshot, StateUpdate

from agents.execution.repair import UNFIT
from agents.modes.checkpoints import POINTERS, checkpoint_of
from agents.modes.metadata import shown
from agents.wire import TOLD_BY_NAME, UNTOLD
from core.errors import Invalid
from graphs.catalog.factories import AnyGraph

ThreadState = dict[str, Any]


def config_of(thread_id: UUID, checkpoint: Mapping[str, Any] | None = None) -> RunnableConfig:
    """Of a client's `checkpoint` only what points at a checkpoint of this thread."""
    pointers = {name: value for name, value in (checkpoint or {}).items() if name in POINTERS and value is not None}
    return {"configurable": {"checkpoint_ns": "", **pointers, "thread_id": str(thread_id)}}


async def thread_state(
    graph: AnyGraph, thread_id: UUID, checkpoint: Mapping[str, Any] | None = None, *, subgraphs: bool = False
) -> ThreadState:
    """The newest state, or that of `checkpoint`; with `subgraphs` those of subgraphs that wait, in their tasks."""
    with _told_to_client():
        snapshot = await graph.aget_state(config_of(thread_id, checkpoint), subgraphs=subgraphs)
    return told(snapshot)


async def history(
    graph: AnyGraph,
    thread_id: UUID,
    *,
    limit: int = 10,
    before: str | Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    checkpoint: Mapping[str, Any] | None = None,
) -> list[ThreadState]:
    """Newest first. `before` is a checkpoint, its id, or a configuration that names it."""
    earlier = None if before is None else config_of(thread_id, _pointed(before))
    with _told_to_client():
        snapshots = graph.aget_state_history(
            config_of(thread_id, checkpoint), filter=dict(metadata) if metadata else None, before=earlier, limit=limit
        )
        return [told(snapshot) async for snapshot in snapshots]


async def update(
    graph: AnyGraph,
    thread_id: UUID,
    values: Any,
    *,
    as_node: str | None = None,
    checkpoint: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes `values` as if a node had returned them; returns where the new checkpoint is. Raises `Invalid`."""
    with _told_to_client():
        config = await graph.aupdate_state(config_of(thread_id, checkpoint), values, as_node=as_node)
    pointers = _pointers(config)
    return {"checkpoint": pointers, "configurable": pointers, "checkpoint_id": pointers["checkpoint_id"]}


async def update_in_steps(
    graph: AnyGraph, thread_id: UUID, supersteps: Sequence[Sequence[tuple[Any, str | None]]]
) -> dict[str, Any]:
    """One superstep after the other, each of pairs of values (or a `Command`) and a node. Raises `Invalid`."""
    updates = [[StateUpdate(values, as_node) for values, as_node in superstep] for superstep in supersteps]
    with _told_to_client():
        config = await graph.abulk_update_state(config_of(thread_id), updates)
    return {"checkpoint": _pointers(config)}


def told(snapshot: StateSnapshot) -> ThreadState:
    """As the Agent Server tells a state."""
    config, parent = checkpoint_of(snapshot.config), checkpoint_of(snapshot.parent_config)
    return {
        "values": snapshot.values,
        "next": list(snapshot.next),
        "tasks": [_task(task) for task in snapshot.tasks],
        "metadata": None if snapshot.metadata is None else shown(dict(snapshot.metadata)),
        "created_at": snapshot.created_at,
        "checkpoint": config,
        "parent_checkpoint": parent,
        "interrupts": [_interrupt(each) for each in snapshot.interrupts],
        "checkpoint_id": config and config["checkpoint_id"],
        "parent_checkpoint_id": parent and parent["checkpoint_id"],
    }


def nothing() -> ThreadState:
    """The state of a thread that no graph has run on."""
    return told(StateSnapshot({}, (), {}, None, None, None, (), ()))


def _task(task: PregelTask) -> dict[str, Any]:
    state = task.state
    return {
        "id": task.id,
        "name": task.name,
        "path": task.path,
        "error": _error(task.error),
        "interrupts": [_interrupt(each) for each in task.interrupts],
        "checkpoint": _pointers(state) if state is not None and not isinstance(state, StateSnapshot) else None,
        "state": told(state) if isinstance(state, StateSnapshot) else None,
        "result": task.result,
    }


def _interrupt(interrupt: Interrupt) -> dict[str, Any]:
    shown = {"id": interrupt.id, "value": interrupt.value}
    return shown if interrupt.response_schema is None else {**shown, "response_schema": interrupt.response_schema}


def _pointers(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config["configurable"].items() if name in POINTERS}


def _pointed(before: str | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(before, str):
        return {"checkpoint_id": before}
    configurable: Mapping[str, Any] = before.get("configurable", before)
    return configurable


def _error(error: Any) -> str | None:
    """A checkpoint keeps an exception as its `repr`."""
    if error is None:
        return None
    name = re.split(r"\W", text := str(error), maxsplit=1)[0]
    return text if name in TOLD_BY_NAME else f"{name}({UNTOLD!r})"


@contextmanager
def _told_to_client() -> Iterator[None]:
    """What does not fit the graph is the client's to mend."""
    try:
        yield
    except UNFIT as exc:
        raise Invalid(f"The graph does not take this: {exc}") from exc

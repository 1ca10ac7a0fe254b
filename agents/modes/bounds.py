"""The events around those of a graph: how a run begins, and how it ends."""

from collections.abc import Mapping
from typing import Any

from agents.modes.chat_events import RunEnded, RunFailed, RunStarted, Usage
from agents.modes.protocol.lifecycle import root_lifecycle
from agents.runs.runs import Run, Status
from agents.wire import dumps


def first(run: Run, attempt: int) -> list[tuple[str, str]]:
    """`attempt` counts from 1; a later one says the tokens of the step that it repeats once more."""
    begun: list[tuple[str, Any]] = []
    if _is_told_plainly(run):
        begun.append(("metadata", {"run_id": run.run_id, "attempt": attempt}))
    if "protocol" in run.request.stream_mode:
        begun.append(root_lifecycle(run.graph_id, "running"))
    if "chat" in run.request.stream_mode:
        begun.append(("run_started", RunStarted(run_id=run.run_id, thread_id=run.thread_id)))
    return [(name, dumps(value)) for name, value in begun]


def last(
    run: Run,
    status: Status,
    code: str | None = None,
    detail: str | None = None,
    usage: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    waits: bool = False,
) -> list[tuple[str, str]]:
    """`code` and `detail` unless it succeeded; `usage` by model; `waits` for the answer to an interrupt."""
    ended: list[tuple[str, Any]] = []
    if _is_told_plainly(run) and status in ("error", "timeout"):
        ended.append(("error", {"error": code, "message": detail}))
    if "protocol" in run.request.stream_mode:
        ended.append(root_lifecycle(run.graph_id, _lifecycle(status, waits), detail))
    if "chat" in run.request.stream_mode:
        ended += [(event.type, event) for event in _chat_end(run, status, code, detail, usage or {})]
    return [(name, dumps(value)) for name, value in ended]


def _is_told_plainly(run: Run) -> bool:
    """Also to whoever asked for no mode at all: how it begins and ends."""
    modes = set(run.request.stream_mode)
    return not modes or bool(modes - {"chat", "protocol"})


def _lifecycle(status: Status, waits: bool) -> str:
    if status == "success":
        return "interrupted" if waits else "completed"
    return "interrupted" if status == "interrupted" else "failed"


def _chat_end(
    run: Run, status: Status, code: str | None, detail: str | None, usage: Mapping[str, Mapping[str, Any]]
) -> list[Usage | RunEnded | RunFailed]:
    if status == "success":
        used = [
            Usage(model=model, input_tokens=count["input_tokens"], output_tokens=count["output_tokens"])
            for model, count in usage.items()
        ]
        return [*used, RunEnded(run_id=run.run_id)]
    if code is None or detail is None or not code.islower():
        # The name of a Python type says nothing to who asked.
        code, detail = "internal_error", f"Something went wrong on our side; quote run {run.run_id}."
    return [RunFailed(run_id=run.run_id, code=code, detail=detail)]

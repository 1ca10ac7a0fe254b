"""Every call leaves a row: written before it is made, so that none is repeated silently, and completed after it."""

import logging
import time
from dataclasses import replace
from typing import Any

from core.db import Database
from core.errors import AtriumError
from core.telemetry import frames
from tools.calling.attempt import Attempt, Result, Step
from tools.calls import Caller
from tools.definitions import SideEffect
from tools.egress.client import PeerFailed
from tools.registry import approvals, audit, standings
from tools.registry.audit import Record
from tools.registry.policies import Approval
from tools.registry.standings import Pins

log = logging.getLogger(__name__)

TAKEN = "call_id_taken"
UNCERTAIN = "It may have had its effect all the same: find out before you call it again."


class Journal:
    """`step` is the call with everything that is wrapped around it."""

    def __init__(self, database: Database, step: Step) -> None:
        self._database = database
        self._step = step

    async def call(
        self,
        caller: Caller,
        call_id: str,
        name: str,
        arguments: dict[str, Any],
        pins: Pins | None,
        said: str | None = None,
    ) -> Result:
        """Never raises for what a tool or a model does wrong. A call that was made already is not made again."""
        attempt, record = await self._begin(caller, call_id, name, arguments, pins)
        attempt = replace(attempt, said=said)
        if (record.name, record.arguments) != (name, arguments):
            return Result(record.tool_call_id, TAKEN, f"{name} was not called: another call has its id.")
        if record.outcome is not None:
            return _result(attempt, record.outcome, record.detail or record.result or "")
        begun = time.perf_counter()
        received = 0
        result: str | None = None
        detail: str | None = None
        try:
            if record.attempts > 1 and _writes(attempt):
                outcome, detail = "uncertain", f"The process that called {name} ended before it answered. {UNCERTAIN}"
            else:
                answer = await self._step(attempt)
                outcome, result = "failed" if answer.is_error else "succeeded", answer.text
                received = answer.received_bytes
        except AtriumError as error:
            outcome, detail = error.code, _told(attempt, error)
        except Exception as error:  # noqa: BLE001 - a call that broke is a row like any other; its message is nobody's
            log.error("a tool call broke", extra={"tenant_id": caller.tenant.tenant_id, "exception": frames(error)})
            outcome, detail = "internal_error", f"{name} could not be called; go on without it."
        async with self._database.tenant_transaction(caller.tenant, prepared=True) as connection:
            await audit.end(
                connection,
                caller,
                call_id,
                outcome=outcome,
                detail=detail,
                result=result,
                received_bytes=received,
                milliseconds=(time.perf_counter() - begun) * 1000,
            )
        return _result(attempt, outcome, detail or result or "")

    async def _begin(
        self, caller: Caller, call_id: str, name: str, arguments: dict[str, Any], pins: Pins | None
    ) -> tuple[Attempt, Record]:
        async with self._database.tenant_transaction(caller.tenant, prepared=True) as connection:
            standing = await standings.of_name(connection, caller, name, pins)
            tool = None if standing is None else standing.tool
            record = await audit.begin(connection, caller, call_id, name, arguments, tool)
            verdict = None
            if standing is not None and standing.approval_for(caller) is Approval.ASK:
                verdict = await approvals.verdict(connection, caller, call_id, standing, arguments)
        return Attempt(caller, call_id, record.tool_call_id, name, arguments, standing, verdict), record


def _writes(attempt: Attempt) -> bool:
    return attempt.standing is not None and attempt.standing.tool.side_effect is SideEffect.WRITE


def _told(attempt: Attempt, error: AtriumError) -> str:
    """Of a call that writes and broke off, nobody knows what became of it."""
    was_sent = isinstance(error, PeerFailed) or error.code == "timed_out"
    return f"{error.detail} {UNCERTAIN}" if was_sent and _writes(attempt) else error.detail


def _result(attempt: Attempt, outcome: str, text: str) -> Result:
    most = 20_000 if attempt.standing is None else attempt.standing.policy.max_model_characters
    if len(text) > most:
        text = f"{text[:most]}\n[cut: these are the first {most} of {len(text)} characters]"
    return Result(attempt.tool_call_id, outcome, text or "(no text)")

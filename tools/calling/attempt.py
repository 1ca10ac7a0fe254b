"""A model's wish to call a tool, on its way through the wrappers of `tools.calling`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.errors import AtriumError
from tools.calls import Answer, Caller
from tools.registry.approvals import Verdict
from tools.registry.standings import Standing


@dataclass(frozen=True, slots=True)
class Attempt:
    """`standing` is None for a tool that the run does not know; `tool_call_id` is the same at every attempt.

    `verdict` is what an approver said of this very call, `said` a person's answer, for the tool that asks for one.
    """

    caller: Caller
    call_id: str
    tool_call_id: UUID
    name: str
    arguments: dict[str, Any]
    standing: Standing | None
    verdict: Verdict | None
    said: str | None = None

    @property
    def known(self) -> Standing:
        """Behind the wrapper `known` it always is."""
        assert self.standing is not None, "unknown tools are refused first"
        return self.standing


@dataclass(frozen=True, slots=True)
class Result:
    """`outcome` is `succeeded`, `failed`, or the code of what stopped the call; `text` is for the model."""

    tool_call_id: UUID
    outcome: str
    text: str

    @property
    def is_error(self) -> bool:
        return self.outcome != "succeeded"


class Refused(AtriumError):
    """The call is not made. The model is told `detail`; `code` goes into the audit."""

    status = 403
    code = "refused"


Step = Callable[[Attempt], Awaitable[Answer]]
Wrapper = Callable[[Step], Step]

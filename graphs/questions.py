"""What a run that waits asks people, in the shapes that agent-chat-ui and other clients of LangGraph show."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from tools.people import Unconnected
from tools.registry.approvals import Approval
from tools.registry.decisions import Decision, Decisions
from tools.toolbox import Wish


def approval(asked: Sequence[Approval]) -> dict[str, Any]:
    """LangChain's human-in-the-loop request, with the ids by which `/v1/approvals` knows the calls."""
    return {
        "action_requests": [
            {
                "name": each.name,
                "args": each.arguments,
                "description": f"Call {each.name}? Decide before {each.expires_at:%Y-%m-%d %H:%M} UTC.",
                "approval_id": str(each.approval_id),
            }
            for each in asked
        ],
        "review_configs": [
            {"action_name": name, "allowed_decisions": ["approve", "edit", "reject"]}
            for name in dict.fromkeys(each.name for each in asked)
        ],
    }


def decisions(said: Any) -> list[Decision]:
    """Those of a client's answer; none when it is anything else."""
    try:
        return Decisions.model_validate(said).decisions
    except ValidationError:
        return []


def connection(missing: Sequence[Unconnected]) -> dict[str, Any]:
    return {
        "type": "connect",
        "message": "Connect these accounts of yours, then resume.",
        "connections": [
            {
                "tool": each.tool.name,
                "credential": each.scheme.id,
                "type": each.scheme.type,
                "path": f"/v1/tools/{each.tool.name}/connection",
            }
            for each in missing
        ],
    }


def question(wish: Wish) -> dict[str, Any]:
    return {"type": "question", **{name: wish.arguments.get(name) for name in ("question", "options")}}


def answer(said: Any) -> str:
    """A person's words, sent as they are or as `{"answer": …}`."""
    if isinstance(said, dict):
        said = said.get("answer", "")
    return said if isinstance(said, str) else str(said)

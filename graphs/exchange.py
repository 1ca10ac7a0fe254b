"""Where a thread stands: what was said before, what is asked now, and which tools were called since."""

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage


@dataclass(frozen=True, slots=True)
class Exchange:
    """`since` are the tool calls that the model answered `asked` with, and their results.

    `instructions` are the caller's own, wherever among the messages they stand.
    """

    history: list[BaseMessage]
    asked: BaseMessage
    since: list[BaseMessage]
    instructions: Sequence[str]


def newest(messages: Sequence[BaseMessage]) -> Exchange:
    """`messages` is not empty; where nobody asks, the last one counts as asked."""
    instructions = [message.text for message in messages if isinstance(message, SystemMessage)]
    said = [message for message in messages if not isinstance(message, SystemMessage)] or list(messages[-1:])
    questions = [at for at, message in enumerate(said) if isinstance(message, HumanMessage)]
    at = questions[-1] if questions else len(said) - 1
    return Exchange(said[:at], said[at], said[at + 1 :], instructions)

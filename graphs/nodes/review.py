"""Before tools are called: what a person has to decide, connect or answer. The run waits for it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command, Send, interrupt

from graphs import exchange, questions, tool_calls
from graphs.context import Context
from graphs.state import ChatState
from graphs.steps import ACT, CITE, RESPOND, REVIEW
from tools import people
from tools.calling.valid import INVALID
from tools.toolbox import Toolbox, Wish


async def review(
    state: ChatState,
    runtime: Runtime[Context],
    *,
    toolbox: Toolbox,
    context_of: Callable[[Runtime[Context]], Context],
) -> Command[Any]:
    """Each question is a step of its own, so that no answer is ever judged twice."""
    context = context_of(runtime)
    own = tool_calls.own_names(context.model_options)
    since = exchange.newest(state["messages"]).since
    message = tool_calls.calling(since)
    if message is None or not tool_calls.waiting(message, since, ()):
        return Command(goto=RESPOND)
    if not tool_calls.waiting(message, since, own):
        # The caller's own tools are the caller's to run.
        return Command(goto=CITE)
    refused = _refused(message, since, own)
    wishes = [each for each in tool_calls.waiting(message, since, own) if each.call_id not in refused]
    named = (context.caller, wishes, context.tools)
    if asked := await people.unapproved(toolbox, *named):
        await people.decide(toolbox, context.caller, asked, questions.decisions(interrupt(questions.approval(asked))))
        return Command(goto=REVIEW)
    if missing := await people.unconnected(toolbox, *named):
        interrupt(questions.connection(missing))
        return Command(goto=REVIEW)
    if open_questions := await people.questions(toolbox, *named):
        said = questions.answer(interrupt(questions.question(open_questions[0])))
        return Command(goto=_acts([replace(open_questions[0], said=said)]))
    edited = await people.edited(toolbox, context.caller, wishes)
    return Command(
        update={"messages": [*_with_arguments(message, edited), *refused.values()]},
        goto=_acts([replace(each, arguments=edited.get(each.call_id, each.arguments)) for each in wishes]) or REVIEW,
    )


def _acts(wishes: Sequence[Wish]) -> list[Send]:
    """Each call is a task of its own: those that are done stay done when another one fails."""
    return [Send(ACT, asdict(wish)) for wish in wishes]


def _refused(message: AIMessage, since: Sequence[BaseMessage], own: Collection[str]) -> dict[str, ToolMessage]:
    """Calls that are answered without a look at any tool, by their id."""
    garbled = {call["id"] for call in message.invalid_tool_calls}
    withdrawn = tool_calls.withdrawn(since)
    before = sum(
        len(tool_calls.calls_of(each)) for each in since if isinstance(each, AIMessage) and each is not message
    )
    refused = {}
    for number, wish in enumerate(tool_calls.waiting(message, since, own), start=before + 1):
        if number > tool_calls.MAX_CALLS:
            outcome, text = "too_many_calls", f"Not called: a question may take {tool_calls.MAX_CALLS} calls."
        elif wish.call_id in garbled:
            outcome, text = INVALID, "The arguments are no JSON object; call the tool again with one."
        elif wish.name in withdrawn:
            outcome, text = "too_many_retries", f"{wish.name} was called wrongly too often; go on without it."
        else:
            continue
        refused[wish.call_id] = tool_calls.result(wish, text, outcome)
    return refused


def _with_arguments(message: AIMessage, edited: Mapping[str, dict[str, Any]]) -> list[AIMessage]:
    """The message once more, with what an approver made of its calls: the model remembers what was called."""
    if not edited:
        return []
    calls = [{**call, "args": edited.get(str(call["id"]), call["args"])} for call in message.tool_calls]
    return [message.model_copy(update={"tool_calls": calls})]

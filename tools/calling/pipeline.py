"""A call and what is wrapped around it, in the order in which a call meets it."""

from collections.abc import Mapping

from core.breaker import BreakerRegistry
from core.cache import Cache
from tools.builtin import ask_user
from tools.calling.approved import approved
from tools.calling.attempt import Attempt, Step, Wrapper
from tools.calling.cleaned import cleaned
from tools.calling.granted import granted
from tools.calling.known import known
from tools.calling.limited import limited
from tools.calling.rested import rested
from tools.calling.timed import timed
from tools.calling.valid import valid
from tools.calls import Answer, Call, Kind, Limits
from tools.definitions import KindName

Kinds = Mapping[KindName, Kind]


def pipeline(cache: Cache, kinds: Kinds, breakers: BreakerRegistry) -> Step:
    return _wrapped(_call(kinds), known, granted, valid, approved, limited(cache), timed, rested(breakers), cleaned)


def trial_pipeline(cache: Cache, kinds: Kinds, breakers: BreakerRegistry) -> Step:
    """For admins who try a tool: it need not be granted to them, and they approve it by trying it."""
    return _wrapped(_call(kinds), known, valid, limited(cache), timed, rested(breakers), cleaned)


def _wrapped(step: Step, *wrappers: Wrapper) -> Step:
    """A call meets the first of `wrappers` first."""
    for wrap in reversed(wrappers):
        step = wrap(step)
    return step


def call_of(attempt: Attempt) -> Call:
    tool, policy, caller = attempt.known.tool, attempt.known.policy, attempt.caller
    return Call(
        tenant=caller.tenant,
        tool=tool,
        arguments=attempt.arguments,
        idempotency_key=str(attempt.tool_call_id),
        limits=Limits(policy.timeout_seconds, policy.max_response_bytes),
        knowledge_base_ids=caller.knowledge_base_ids,
    )


def _call(kinds: Kinds) -> Step:
    async def step(attempt: Attempt) -> Answer:
        if attempt.known.tool is ask_user.TOOL and attempt.said is not None:
            return Answer(attempt.said, len(attempt.said.encode()))
        return await kinds[attempt.known.tool.kind].call(call_of(attempt))

    return step

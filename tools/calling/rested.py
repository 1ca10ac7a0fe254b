"""A tool whose other side keeps failing is given a rest: for this tenant, in this process."""

from core.breaker import BreakerPolicy, BreakerRegistry, Outcomes
from core.errors import ClientError
from tools.calling.attempt import Attempt, Refused, Step, Wrapper
from tools.calls import Answer
from tools.egress.client import PeerFailed

OUTCOMES = Outcomes(
    failure=PeerFailed,
    excused=ClientError,
    resting=lambda: Refused("This tool has been failing and is given a rest; try in a minute.", code="resting"),
)


def tool_breakers(policy: BreakerPolicy | None = None) -> BreakerRegistry:
    return BreakerRegistry(OUTCOMES, policy or BreakerPolicy())


def rested(breakers: BreakerRegistry) -> Wrapper:
    def wrapper(then: Step) -> Step:
        async def step(attempt: Attempt) -> Answer:
            tool = attempt.known.tool
            with breakers.get((attempt.caller.tenant.tenant_id, tool.name, tool.version)).call():
                return await then(attempt)

        return step

    return wrapper

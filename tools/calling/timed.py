"""A call that takes too long is given up."""

import asyncio

from tools.calling.attempt import Attempt, Refused, Step
from tools.calls import Answer

# The egress client keeps the same time, and says better what it waited for.
_GRACE_SECONDS = 0.5


def timed(then: Step) -> Step:
    async def step(attempt: Attempt) -> Answer:
        seconds = attempt.known.policy.timeout_seconds
        try:
            async with asyncio.timeout(seconds + _GRACE_SECONDS):
                return await then(attempt)
        except TimeoutError as exc:
            raise Refused(f"{attempt.name} did not answer within {seconds:g} seconds.", code="timed_out") from exc

    return step

"""May this member, in this role, through this assistant? What a document or a tool said plays no part."""

from tools.calling.attempt import Attempt, Refused, Step
from tools.calls import Answer


def granted(then: Step) -> Step:
    async def step(attempt: Attempt) -> Answer:
        if not attempt.known.is_granted:
            raise Refused(f"You may not call {attempt.name}; go on without it.", code="not_granted")
        return await then(attempt)

    return step

"""Is there such a tool at all, for this run?"""

from tools.calling.attempt import Attempt, Refused, Step
from tools.calls import Answer


def known(then: Step) -> Step:
    async def step(attempt: Attempt) -> Answer:
        if attempt.standing is None:
            raise Refused(
                f"There is no tool named {attempt.name[:64]!r}; call only the tools you are given.",
                code="unknown_tool",
            )
        return await then(attempt)

    return step

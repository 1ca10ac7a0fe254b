"""Do the arguments fit the tool's schema? The model is told what is wrong, and may try again."""

from tools.arguments import problems_of
from tools.calling.attempt import Attempt, Refused, Step
from tools.calls import Answer

INVALID = "invalid_arguments"


def valid(then: Step) -> Step:
    async def step(attempt: Attempt) -> Answer:
        if problems := problems_of(attempt.known.tool.parameters, attempt.arguments):
            raise Refused(
                f"The arguments of {attempt.name} are wrong: {'; '.join(problems)}. Mend them and call it again.",
                code=INVALID,
            )
        return await then(attempt)

    return step

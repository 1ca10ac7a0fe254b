"""What a tool says, as text that can be stored and read: no control characters, no end without an end."""

import re
from dataclasses import replace

from tools.calling.attempt import Attempt, Refused, Step
from tools.calls import Answer

# All but tab and line feed; lone surrogates; and what turns the direction of a line around.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def cleaned(then: Step) -> Step:
    async def step(attempt: Attempt) -> Answer:
        answer = await then(attempt)
        most = attempt.known.policy.max_response_bytes
        if answer.received_bytes > most or len(answer.text) > most:
            raise Refused(f"{attempt.name} answered with more than {most} bytes; ask it for less.", code="too_long")
        return replace(answer, text=_UNSEEN.sub("", answer.text))

    return step

"""Does the policy allow the call as it is, or has a person approved it with exactly these arguments?"""

from tools.calling.attempt import Attempt, Refused, Step
from tools.calls import Answer
from tools.registry.policies import Approval


def approved(then: Step) -> Step:
    async def step(attempt: Attempt) -> Answer:
        standing = attempt.known
        approval = standing.approval_for(attempt.caller)
        if approval is Approval.DENY:
            raise Refused(f"{attempt.name} is switched off here; go on without it.", code="denied")
        if approval is Approval.ASK:
            _require(attempt)
        return await then(attempt)

    return step


def _require(attempt: Attempt) -> None:
    verdict = attempt.verdict
    if verdict is None:
        raise Refused(f"{attempt.name} was not called: nobody approved it with these arguments.", code="not_approved")
    if not verdict.approved:
        reason = f": {verdict.message}" if verdict.message else "."
        raise Refused(f"{attempt.name} was not called: a person rejected it{reason}", code="rejected")

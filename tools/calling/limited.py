"""Not too often, and not too many at once; counted for the tenant in Valkey, over all processes."""

from core.cache import Cache
from tenants import limits
from tools.calling.attempt import Attempt, Step, Wrapper
from tools.calls import Answer


def limited(cache: Cache) -> Wrapper:
    def wrapper(then: Step) -> Step:
        async def step(attempt: Attempt) -> Answer:
            ctx, policy = attempt.caller.tenant, attempt.known.policy
            await limits.spend_tool_call(cache, ctx, attempt.name, per_minute=policy.calls_per_minute)
            async with limits.tool_place(
                cache, ctx, attempt.name, places=policy.max_concurrent, seconds=policy.timeout_seconds
            ):
                return await then(attempt)

        return step

    return wrapper

"""When a model is given a rest: see `core.breaker`."""

from time import monotonic

from core.breaker import BreakerPolicy, BreakerRegistry, Clock, Outcomes
from core.llm.errors import ModelError, ModelRejectedRequest, ModelUnavailable

MODEL_OUTCOMES = Outcomes(
    failure=ModelError,
    excused=ModelRejectedRequest,
    resting=lambda: ModelUnavailable("The model has been failing and is given a rest; try again in a minute."),
)


def model_breakers(policy: BreakerPolicy | None = None, clock: Clock = monotonic) -> BreakerRegistry:
    return BreakerRegistry(MODEL_OUTCOMES, policy or BreakerPolicy(), clock)

"""What a provider's client raises, told as one of our `ModelError`s."""

import openai

from core.llm import errors


def model_error(failure: Exception, *, begun: bool) -> errors.ModelError:
    """`begun`: part of the answer was streamed. Repeats nothing the provider said: it may echo the key."""
    if isinstance(failure, errors.ModelError):
        return failure
    if isinstance(failure, (openai.APITimeoutError, TimeoutError)):
        return errors.ModelTimeout("The model did not answer in time; ask again.")
    if isinstance(failure, openai.APIStatusError) and not isinstance(failure, openai.APIResponseValidationError):
        return _status_error(failure.status_code)
    if begun and isinstance(failure, openai.APIError):
        return errors.ModelStreamInterrupted("The model broke off in the middle of its answer; ask again.")
    if isinstance(failure, (openai.APIConnectionError, OSError)):
        return errors.ModelUnavailable("The model cannot be reached; ask again in a minute.")
    if type(failure) is openai.APIError:  # an error sent as an event of the stream
        return errors.ModelUnavailable("The model reported a failure of its own; ask again in a minute.")
    return errors.ModelBadResponse("The model answered with something that cannot be read.")


def _status_error(status: int) -> errors.ModelError:
    if status == 429:
        return errors.ModelRateLimited("The model is over its rate limit or quota; ask again in a minute.")
    if status in (408, 504):
        return errors.ModelTimeout(f"The model's endpoint timed out (HTTP {status}); ask again.")
    if status < 500 and status != 409:
        return errors.ModelRejectedRequest(
            f"The model's endpoint refuses the request (HTTP {status}); check key, address and model name."
        )
    return errors.ModelUnavailable(f"The model's endpoint fails (HTTP {status}); ask again in a minute.")

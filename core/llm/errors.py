"""How a chat model fails: one family, one stable code for each way.

A `detail` is made of our own words only: never the key, the address or what the provider sent.
"""

from core.errors import Unavailable


class ModelError(Unavailable):
    """The model gave no usable answer; the caller may ask again later."""

    code = "model_unavailable"


class ModelUnavailable(ModelError):
    """Not reachable, broken on its side, or kept closed by the circuit breaker."""


class ModelRateLimited(ModelError):
    code = "model_rate_limited"


class ModelTimeout(ModelError):
    """No connection, or no next piece of the answer, within the time allowed."""

    code = "model_timeout"


class ModelBadResponse(ModelError):
    """What came is no answer: not the protocol, or empty."""

    code = "model_bad_response"


class ModelStreamInterrupted(ModelError):
    """The answer began and then broke off; what was streamed is incomplete."""

    code = "model_stream_interrupted"


class ModelRejectedRequest(ModelError):
    """The endpoint refuses this request, key or model name; asking again changes nothing."""

    status = 502
    code = "model_rejected_request"

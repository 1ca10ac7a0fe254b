"""One tree of errors; each branch says who must act.

`ClientError`: whoever sent the request. `Unavailable`: nobody, try again later.
`OperatorError`: whoever runs Atrium, at start-up. Anything else is a defect of ours.
"""


class AtriumError(Exception):
    """Base of all our errors.

    `code` is stable snake_case that programs match on; `detail` is one sentence for people, free of secrets.
    """

    status = 500
    code = "internal_error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code


class ClientError(AtriumError):
    status = 400
    code = "bad_request"


class Unauthenticated(ClientError):
    status = 401
    code = "unauthenticated"


class Forbidden(ClientError):
    status = 403
    code = "forbidden"


class NotFound(ClientError):
    """Another tenant's id and an id that never existed are the same thing."""

    status = 404
    code = "not_found"

    def __init__(self, noun: str) -> None:
        super().__init__(f"There is no such {noun}; list them to see which ids you can use.")


class Conflict(ClientError):
    status = 409
    code = "conflict"


class PreconditionFailed(ClientError):
    status = 412
    code = "precondition_failed"


class TooLarge(ClientError):
    status = 413
    code = "too_large"


class Invalid(ClientError):
    status = 422
    code = "invalid_request"


class TooManyRequests(ClientError):
    status = 429
    code = "too_many_requests"

    def __init__(self, detail: str, *, retry_after_seconds: int, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(AtriumError):
    """Something Atrium depends on does not answer; the same request may succeed later."""

    status = 503
    code = "unavailable"


class OperatorError(AtriumError):
    """Atrium must not start like this; `detail` names the setting to change."""

    code = "misconfigured"

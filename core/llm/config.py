"""How to reach a chat model."""

from dataclasses import dataclass, field

from pydantic import SecretStr


@dataclass(frozen=True)
class ChatModelConfig:
    """base_url: None means the offline model. A user and password in it are sent as Basic authorization.

    timeout_seconds: allowed before the first and between any two pieces of an answer.
    max_retries: by the client, with backoff and jitter or as Retry-After says, before anything is streamed.
    """

    base_url: str | None = field(default=None, repr=False)
    api_key: SecretStr | None = None
    model: str = ""
    fallback_model: str | None = None
    timeout_seconds: float = 60.0
    connect_timeout_seconds: float = 5.0
    max_retries: int = 2

"""What a client asks of `POST /v1/chat/completions`."""

from typing import Annotated, Any
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from api.openai.errors import BadParameter
from api.openai.messages import Message
from api.text import Storable
from core.tenancy import TenantContext
from graphs.model_options import ModelOptions

MAX_MESSAGES = 1000

_USER_THREADS = UUID("4c3b1d0e-6f0a-5d0b-9a55-3f0f7a1c8e21")

# What Atrium cannot do, with the values by which a client does not ask for it.
_UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "functions": ([],),
    "function_call": ("none",),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
}


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatCompletionRequest(ModelOptions):
    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, allow_inf_nan=False)

    model: Annotated[str, Field(min_length=1, max_length=200, description="As /v1/models lists them.")]
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = Field(
        None, description="`thread_id`, a UUID of yours, names the thread to go on with; the rest labels the run."
    )
    user: Annotated[str, Field(max_length=512), Storable] | None = Field(
        None, description="Whose thread it is, where no `thread_id` is sent: one for each name that you give."
    )

    def refuse_unsupported(self) -> None:
        """Raises `BadParameter` with the code `unsupported_parameter`."""
        for name, sent in (self.model_extra or {}).items():
            if name in _UNSUPPORTED and sent is not None and sent not in _UNSUPPORTED[name]:
                detail = f"`{name}` is not supported as it was sent; leave it out."
                raise BadParameter(name, detail, code="unsupported_parameter")

    @property
    def with_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def labels(self) -> dict[str, str]:
        return {name: value for name, value in (self.metadata or {}).items() if name != "thread_id"}

    def thread_id(self, ctx: TenantContext) -> UUID | None:
        """None means a thread of this run's own. Raises `BadParameter`."""
        if (named := (self.metadata or {}).get("thread_id")) is not None:
            try:
                return UUID(named)
            except ValueError as exc:
                raise BadParameter("metadata.thread_id", "`metadata.thread_id` must be a UUID.") from exc
        return uuid5(_USER_THREADS, f"{ctx.tenant_id}:{ctx.user_id}:{self.user}") if self.user else None

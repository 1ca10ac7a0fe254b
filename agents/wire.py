"""Whatever a graph holds, streams or raises, as JSON in one line."""

import builtins
import re
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from langchain_core.messages import BaseMessage
from langgraph.errors import (
    EmptyInputError,
    GraphBubbleUp,
    InvalidUpdateError,
    NodeTimeoutError,
    TaskNotFound,
    UnknownInterruptError,
)
from langgraph.types import Send

from core.errors import AtriumError

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# An escaped NUL: `jsonb` cannot hold one. Not what follows an odd number of backslashes.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_SAFE_INTEGER = 2**63

# Errors in which a graph's author speaks; any other message may hold an address, a key, or a person's data.
_AUTHORS = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RuntimeError,
    RecursionError,
    InvalidUpdateError,
    GraphBubbleUp,
    EmptyInputError,
    TaskNotFound,
    UnknownInterruptError,
    NodeTimeoutError,
)
# Where only an error's name is left, as in a checkpoint.
TOLD_BY_NAME = {
    kind.__name__
    for kind in (*vars(builtins).values(), *_AUTHORS)
    if isinstance(kind, type) and issubclass(kind, _AUTHORS) and not issubclass(kind, OSError)
}
UNTOLD = "Something went wrong on our side"

_PLAIN_TEXT = (
    UUID,
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    PurePath,
)


def dumps(value: object, encode: Callable[[Any], Any] | None = None) -> str:
    """Messages and models as their fields, bytes in base64, NaN and what has no JSON as null, NUL as U+FFFD.

    `encode` is asked instead of `encoded` for what JSON does not know.
    """
    try:
        data = orjson.dumps(value, encode or encoded, _OPTIONS)
    except TypeError:
        data = orjson.dumps(_encodable(value, encode or encoded), encode or encoded, _OPTIONS)
    text = data.decode()
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def encoded(value: Any) -> Any:
    """One value that JSON does not know, in terms of values that it does."""
    match value:
        case BaseMessage():
            return fields_of(value)
        case Send():
            return {"node": value.node, "args": value.arg}
        case type():
            return None
        case BaseException():
            return {"error": name_of(value), "message": told(value)}
        case set() | frozenset() | deque():
            return list(value)
        case timezone() | ZoneInfo():
            return value.tzname(None)
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return _number(value)
        case bytes() | bytearray() | memoryview():
            return b64encode(value).decode()
        case re.Pattern():
            return value.pattern
    return str(value) if isinstance(value, _PLAIN_TEXT) else _dumped(value)


def fields_of(message: BaseMessage) -> dict[str, Any]:
    """As `model_dump`, at a sixth of its price: a message is dumped for every token."""
    return message.__dict__ | (message.__pydantic_extra__ or {})


def name_of(error: BaseException) -> str:
    """Our own errors go by their code, others by their type."""
    return error.code if isinstance(error, AtriumError) else type(error).__name__


def told(error: BaseException, run_id: UUID | None = None) -> str:
    """What a client may read of an error."""
    if isinstance(error, AtriumError):
        return error.detail
    # A network error may be a ValueError as well; what it says names hosts.
    if isinstance(error, _AUTHORS) and not isinstance(error, OSError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "This took too long."
    return UNTOLD + (f"; quote run {run_id}." if run_id else ".")


def _dumped(value: Any) -> Any:
    for name in ("model_dump", "dict", "_asdict"):
        dump = getattr(value, name, None)
        if callable(dump):
            return dump()
    return list(value) if isinstance(value, tuple) else None


def _number(value: Decimal) -> int | float:
    exponent = value.as_tuple().exponent
    return int(value) if isinstance(exponent, int) and exponent >= 0 else float(value)


def _encodable(value: Any, encode: Callable[[Any], Any]) -> Any:
    """A copy without what orjson refuses: half characters, big integers, keys of odd types."""
    match value:
        case str():
            return _SURROGATE.sub("?", value)
        case bool() | None | float():
            return value
        case int():
            return value if -_SAFE_INTEGER <= value < _SAFE_INTEGER else orjson.Fragment(str(value))
        case Mapping():
            return {_key(key): _encodable(each, encode) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            fields = getattr(value, "_asdict", None)
            return _encodable(fields(), encode) if fields else [_encodable(each, encode) for each in value]
        case BaseMessage():
            return _encodable(encode(value), encode)
    return value


def _key(key: Any) -> Any:
    if isinstance(key, str):
        return _SURROGATE.sub("?", key)
    return str(key) if isinstance(key, tuple | bytes) else key

"""An event of the thread-centric generation as it is stored; a door adds its `seq` and `event_id`."""

import time
from collections.abc import Sequence
from typing import Any, Final

# Before the method in an event's name, so that no other mode's events are taken for these.
PREFIX: Final = "protocol/"

Envelope = tuple[str, dict[str, Any]]


def envelope(method: str, namespace: Sequence[str], data: Any, timestamp: int | None = None) -> Envelope:
    """The name `protocol/method|namespace…`, and the event's `params`; `timestamp` in milliseconds since 1970."""
    params = {"namespace": list(namespace), "timestamp": timestamp or time.time_ns() // 1_000_000, "data": data}
    return PREFIX + "|".join((method, *namespace)), params

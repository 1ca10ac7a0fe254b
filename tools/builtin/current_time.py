"""Says what time it is."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tools.calls import Call, ToolFailed
from tools.definitions import SideEffect, Tool

Clock = Callable[[], datetime]

TOOL = Tool(
    name="current_time",
    version=1,
    kind="builtin",
    description="Gives the current date, time and weekday in a time zone.",
    parameters={
        "type": "object",
        "properties": {
            "timezone": {
                "type": "string",
                "maxLength": 64,
                "default": "UTC",
                "description": "Its IANA name, like Europe/Berlin.",
            },
        },
        "additionalProperties": False,
    },
    side_effect=SideEffect.NONE,
    invocation={},
)


def utc_now() -> datetime:
    return datetime.now(UTC)


async def answer(clock: Clock, call: Call) -> str:
    """ISO 8601 with its offset, and the weekday. Raises `ToolFailed` for a time zone that is none."""
    try:
        zone = ZoneInfo(call.arguments.get("timezone", "UTC"))
    except (KeyError, ValueError, OSError) as exc:
        raise ToolFailed("There is no such time zone; name one as IANA does, like Europe/Berlin or UTC.") from exc
    now = clock().astimezone(zone)
    return f"{now.isoformat(timespec='seconds')} {_WEEKDAYS[now.weekday()]}"


# Not strftime's, which follow the locale.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

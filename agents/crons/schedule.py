"""When a cron is due: schedules of five fields, or a name like @daily, in a time zone."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import croniter
from croniter.croniter import CroniterError

from core.errors import Invalid

LONGEST = 200
# How many minutes, hours, days of a month, months and days of a week there are.
FIELDS = (60, 24, 31, 12, 7)
# croniter's hashed and random fields: whether such a schedule is due would depend on when one asks.
_HASHED = re.compile(r"[hr](\W|$)", re.IGNORECASE)
_STEP = re.compile(r"/(\d+)", re.ASCII)


class InvalidSchedule(Invalid):
    code = "invalid_schedule"


def next_after(schedule: str, timezone: str | None, moment: datetime) -> datetime:
    """In UTC; a minute is the shortest interval. Raises `InvalidSchedule`, which says how to write one."""
    fields = schedule.split() if len(schedule) <= LONGEST else []
    named = len(fields) == 1 and fields[0].startswith("@")
    if not (named or len(fields) == len(FIELDS)) or any(_HASHED.match(field) for field in fields):
        raise InvalidSchedule(
            "A schedule has five fields (minute, hour, day of month, month, day of week), like */5 * * * *."
        )
    if not named and any(map(_steps_over, fields, FIELDS)):
        raise InvalidSchedule("A step of this schedule is longer than its field.")
    try:
        due: datetime = croniter(schedule, moment.astimezone(_zone(timezone))).get_next(datetime)
    except (CroniterError, ValueError) as exc:
        raise InvalidSchedule("This schedule has a field out of range, or names a day that never comes.") from exc
    return due.astimezone(UTC)


def _steps_over(field: str, values: int) -> bool:
    """Whether a step, such as 90 in `*/90`, leaves the field's values at once: croniter takes it for once a round."""
    return any(int(step) > values for step in _STEP.findall(field))


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (LookupError, ValueError, OSError) as exc:
        raise InvalidSchedule("`timezone` is none of IANA's; write it like Europe/Oslo.") from exc

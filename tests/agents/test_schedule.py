from datetime import UTC, datetime

import pytest

from agents.crons.schedule import InvalidSchedule, next_after

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "timezone", "due"),
    [
        ("* * * * *", None, datetime(2026, 11, 20, 12, 1, tzinfo=UTC)),
        ("*/5 9-17 * * mon-fri", None, datetime(2026, 11, 20, 12, 5, tzinfo=UTC)),
        ("@daily", "Europe/Oslo", datetime(2026, 11, 20, 23, 0, tzinfo=UTC)),
        ("0 9 * * *", "America/New_York", datetime(2026, 11, 20, 14, 0, tzinfo=UTC)),
        ("0 0 29 2 *", None, datetime(2028, 2, 29, tzinfo=UTC)),
        # Clocks go forward over half past two: it is due when they have.
        ("30 2 28 3 *", "Europe/Oslo", datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
    ],
)
def test_a_schedule_is_due_when_the_clock_on_that_wall_says_so(
    schedule: str, timezone: str | None, due: datetime
) -> None:
    assert next_after(schedule, timezone, NOON) == due


@pytest.mark.parametrize(
    "schedule",
    [
        "", "* * * *", "* * * * * *", "* * * * * * *", "60 * * * *", "a b c d e", "0 0 30 2 *", "@nope", "@reboot",
        "H * * * *", "R(1-5) * * * *", "h/5 * * * *", "\x00 * * * *", "\ud800 * * * *", "* * * * *" + " " * 200,
        "*/99999999999 * * * *", "0/61 * * * *", "* */25 * * *", "* * 1-9,*/32 * *", "* * * */13 *", "* * * * */8",
    ],
)  # fmt: skip
def test_a_schedule_that_is_none_or_never_due_is_refused(schedule: str) -> None:
    with pytest.raises(InvalidSchedule):
        next_after(schedule, None, NOON)


@pytest.mark.parametrize("timezone", ["Oslo", "America", "../etc/passwd", "/etc/passwd", "a\x00b", "\ud800"])
def test_a_timezone_that_is_none_is_refused(timezone: str) -> None:
    with pytest.raises(InvalidSchedule, match="timezone"):
        next_after("@daily", timezone, NOON)

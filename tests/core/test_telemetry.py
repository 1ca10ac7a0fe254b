"""What the log says of an error that may quote what people wrote."""

from core.telemetry import frames

SECRET = "my-diagnosis"


def _parse() -> None:
    raise KeyError(SECRET)


def _fail() -> None:
    try:
        _parse()
    except KeyError as exc:
        raise ValueError(f"no {SECRET}") from exc


def test_frames_name_the_errors_and_the_places_without_a_message() -> None:
    try:
        _fail()
    except ValueError as error:
        told = frames(error)
    assert SECRET not in told
    assert told.index("in _parse") < told.index("KeyError\n") < told.index("in _fail", told.index("KeyError\n"))
    assert told.endswith("ValueError")


def test_frames_end_when_errors_lead_to_each_other() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert frames(one) == "KeyError\nValueError"

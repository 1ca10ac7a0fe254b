"""The tools of the platform are what function calling accepts, and answer a model."""

import re

import jsonschema_rs
import pytest

from core.errors import Invalid
from core.tenancy import TenantContext
from tests.tools.builtin.calls import call_of
from tools.builtin.kind import BUILTIN, BuiltinKind
from tools.calls import ToolFailed
from tools.definitions import LONGEST_DESCRIPTION, NAME_PATTERN, SideEffect


def test_these_tools_come_with_the_platform() -> None:
    assert {name: tool.side_effect for name, tool in BUILTIN.items()} == {
        "search_documents": SideEffect.READ,
        "read_document": SideEffect.READ,
        "list_documents": SideEffect.READ,
        "current_time": SideEffect.NONE,
        "calculate": SideEffect.NONE,
        "ask_user": SideEffect.NONE,
    }


@pytest.mark.parametrize("name", BUILTIN)
def test_each_is_what_function_calling_accepts(name: str) -> None:
    tool = BUILTIN[name]
    assert re.fullmatch(NAME_PATTERN, tool.name)
    assert tool.name == name
    assert len(tool.description) <= LONGEST_DESCRIPTION
    jsonschema_rs.Draft202012Validator(tool.parameters)
    assert tool.parameters["type"] == "object"
    assert tool.parameters["additionalProperties"] is False


@pytest.mark.parametrize(
    ("timezone", "text"),
    [
        ("UTC", "2026-03-29T00:59:30+00:00 Sunday"),
        ("Europe/Berlin", "2026-03-29T01:59:30+01:00 Sunday"),
        ("Asia/Kolkata", "2026-03-29T06:29:30+05:30 Sunday"),
        ("America/New_York", "2026-03-28T20:59:30-04:00 Saturday"),
    ],
)
async def test_time_is_told_with_offset_and_weekday(
    kind: BuiltinKind, acme: TenantContext, timezone: str, text: str
) -> None:
    assert (await kind.call(call_of(acme, "current_time", timezone=timezone))).text == text


async def test_time_is_utc_unless_asked_otherwise(kind: BuiltinKind, acme: TenantContext) -> None:
    assert (await kind.call(call_of(acme, "current_time"))).text == "2026-03-29T00:59:30+00:00 Sunday"


@pytest.mark.parametrize(
    "timezone", ["Mars/Olympus", "", "America", "../../etc/passwd", "/etc/passwd", "a\x00", "\ud800"]
)
async def test_what_is_no_time_zone_is_told_the_model(kind: BuiltinKind, acme: TenantContext, timezone: str) -> None:
    with pytest.raises(ToolFailed, match="no such time zone"):
        await kind.call(call_of(acme, "current_time", timezone=timezone))


async def test_nobody_is_asked_outside_a_run(kind: BuiltinKind, acme: TenantContext) -> None:
    with pytest.raises(ToolFailed):
        await kind.call(call_of(acme, "ask_user", question="Which office?"))


async def test_calculate_answers(kind: BuiltinKind, acme: TenantContext) -> None:
    assert (await kind.call(call_of(acme, "calculate", expression="6 * 7"))).text == "42"


async def test_preview_is_the_call(kind: BuiltinKind, acme: TenantContext) -> None:
    assert await kind.preview(call_of(acme, "calculate", expression="1")) == {
        "tool": "calculate",
        "arguments": {"expression": "1"},
    }


def test_none_can_be_registered(kind: BuiltinKind) -> None:
    with pytest.raises(Invalid):
        kind.checked({}, {})

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from tenants import fields


@pytest.mark.parametrize("value", ["", "   ", "x" * 201, " " * 1_000_000, "a\x00b", "a\ud800b"])
def test_text_that_is_empty_too_long_or_unstorable_is_invalid(value: str) -> None:
    with pytest.raises(Invalid, match="`name`"):
        fields.text(value, field="name", longest=200)


def test_text_loses_surrounding_space_and_keeps_the_rest() -> None:
    assert fields.text("  Zoë’s 公司 ", field="name", longest=200) == "Zoë’s 公司"


@pytest.mark.parametrize(
    "value",
    ["ann", "@example.com", "ann@", "a@b@c", "an n@example.com", "a\x00@b.c", "\udfff@b.c", "a@" + "b" * 320],
)
def test_what_is_no_email_address_is_invalid(value: str) -> None:
    with pytest.raises(Invalid):
        fields.email_address(value)


def test_an_email_address_has_one_spelling() -> None:
    assert fields.email_address(" Ann@Example.COM ") == "ann@example.com"


@pytest.mark.parametrize("value", ["", "123456789", "x" * 1025, "1234567890\x00", "1234567890\ud800"])
def test_a_password_that_is_short_long_or_unstorable_is_invalid(value: str) -> None:
    with pytest.raises(Invalid):
        fields.new_password(value)


@pytest.mark.parametrize("length", [10, 1024])
def test_the_shortest_and_the_longest_password_are_fine(length: int) -> None:
    assert fields.new_password("x" * length) == "x" * length


@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_an_email_address_is_either_storable_or_invalid(value: str) -> None:
    try:
        email = fields.email_address(value)
    except Invalid:
        return
    assert email.encode() and "\x00" not in email and len(email) <= 320

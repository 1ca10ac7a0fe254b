import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.slugs import candidates

# The constraint of the table.
STORABLE = re.compile(r"[a-z0-9](-?[a-z0-9]){1,62}")


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Acme", "acme"), ("Müller & Sons, Ltd.", "muller-sons-ltd"), ("a" * 60, "a" * 48), ("42", "42")],
)
def test_a_name_becomes_a_plain_slug(name: str, slug: str) -> None:
    assert next(candidates(name)) == slug


@pytest.mark.parametrize("name", ["公司", "X", "!"])
def test_a_name_without_enough_letters_still_gets_a_slug(name: str) -> None:
    assert STORABLE.fullmatch(next(candidates(name)))


@given(st.text(min_size=1, max_size=200))
def test_every_candidate_is_storable_and_new(name: str) -> None:
    first = list(itertools.islice(candidates(name), 3))
    assert len(set(first)) == 3
    assert all(STORABLE.fullmatch(slug) for slug in first)

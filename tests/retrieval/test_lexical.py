"""BM25 weights: what counts as the same word, and what makes a word count more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.lexical import DIMENSIONS, K1, B, chunk_weights, query_terms, query_weights


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("allowances", "There is an allowance for the journey."),
        ("Urlaubstage", "Jeder Urlaubstag ist nach dem Kalender zu nehmen."),
        ("vacaciones", "La vacación de los empleados es en agosto."),
        ("CAFÉ", "the cafe\u0301 is open"),
        ("ＦＯＲＭ zx-4711", "form ZX 4711"),
        ("有給休暇", "年次有給休暇について"),
    ],
)
def test_a_question_finds_its_words_in_a_text(question: str, text: str) -> None:
    assert query_terms(question) & chunk_weights(text).keys()


def test_stop_words_alone_are_no_query() -> None:
    assert query_terms("what is it and who was the") == frozenset()
    assert query_terms(" ... !? ") == frozenset()


def test_a_repeated_word_counts_more_but_never_more_than_the_limit() -> None:
    once, often = chunk_weights("leave"), chunk_weights("leave " * 50)
    (term,) = once
    assert once[term] < often[term] < K1 + 1


def test_a_longer_text_says_a_word_with_less_weight() -> None:
    (term,) = chunk_weights("leave")
    assert chunk_weights("leave " + " ".join(f"word{i}" for i in range(200)))[term] < chunk_weights("leave")[term]
    assert B > 0


def test_a_rare_term_weighs_more_and_none_weighs_nothing() -> None:
    weights = query_weights({1: 1, 2: 50, 3: 100}, chunks=100)
    assert weights[1] > weights[2] > weights[3] > 0


@given(st.text())
def test_any_text_gives_storable_terms(text: str) -> None:
    weights = chunk_weights(text)
    assert all(0 <= term < DIMENSIONS and 0 < weight < K1 + 1 for term, weight in weights.items())
    assert all(0 <= term < DIMENSIONS for term in query_terms(text))

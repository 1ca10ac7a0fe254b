"""Sentences end where a reader would say so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.sentences import sentence_spans


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 3.50 EUR. That is 1.000 less.", ["It costs 3.50 EUR.", "That is 1.000 less."]),
        ("Ask Dr. Meyer, e.g. On Monday. Or J. R. Ewing.", ["Ask Dr. Meyer, e.g. On Monday.", "Or J. R. Ewing."]),
        ("Er kommt z.B. Montag. Das ist gut.", ["Er kommt z.B. Montag.", "Das ist gut."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("a | b\n1 | 2\n\nText.", ["a | b", "1 | 2", "Text."]),
        ("# Title\nBody text.", ["# Title", "Body text."]),
        ("- one\n- two\n1. three", ["- one", "- two", "1. three"]),
        ("Short title\nBody text.", ["Short title", "Body text."]),
        (
            "This line is long enough to have been wrapped by whoever wrote\nParis into it.",
            ["This line is long enough to have been wrapped by whoever wrote\nParis into it."],
        ),
        ("これは犬です。猫です。", ["これは犬です。", "猫です。"]),
        (" \n\t", []),
        ("", []),
    ],
)
def test_sentences_of(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


@given(st.text())
def test_sentences_lie_in_order_and_leave_out_only_space(text: str) -> None:
    end = 0
    for start, stop in sentence_spans(text):
        assert not text[end:start].strip()
        assert text[start:stop] == text[start:stop].strip() != ""
        end = stop
    assert not text[end:].strip()

"""Each marker of an answer is resolved to the words that support it, or marked as unsupported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.citations import Citable, Citation, cite, parse_markers

LEAVE = Citable(
    "Parental leave is 16 weeks, paid in full. It can be taken within two years of birth.\n\n"
    "Dr. Meyer approves each request, e.g. by mail. Contractors are not entitled to it.",
    headings=("People", "Leave"),
)
RATES = Citable(
    "City | Per night | Nights\nBerlin | 120.50 EUR | 3\nMadrid | 1,100 EUR | 12", headings=("Hotel rates",)
)


def only(answer: str, source: Citable = LEAVE) -> Citation:
    (citation,) = cite(answer, [source])
    return citation


@pytest.mark.parametrize(
    ("answer", "claims"),
    [
        ("Leave is 16 weeks [1].", [("Leave is 16 weeks [1].", (1,))]),
        ("Leave is 16 weeks. [1] Trains are fine. [2]", [("Leave is 16 weeks.", (1,)), ("Trains are fine.", (2,))]),
        ("It is 16 weeks [1][2].", [("It is 16 weeks [1][2].", (1, 2))]),
        ("It is 16 weeks [2, 1].", [("It is 16 weeks [2, 1].", (1, 2))]),
        ("No marker here. But here [1].", [("But here [1].", (1,))]),
        (
            "- Leave is long [1]\n- Trains are fine [2]",
            [("- Leave is long", (1,)), ("- Trains are fine", (2,))],
        ),
        (
            "Leave is 16 weeks long [1] and travel is by train [2].",
            [("Leave is 16 weeks long", (1,)), ("and travel is by train", (2,))],
        ),
        (
            "Ask Dr. Meyer, e.g. by mail [1]. Then go [2].",
            [("Ask Dr. Meyer, e.g. by mail [1].", (1,)), ("Then go [2].", (2,))],
        ),
        ("It costs 3.5 EUR [1].", [("It costs 3.5 EUR [1].", (1,))]),
        ("[1] Leave is 16 weeks.", [("Leave is 16 weeks.", (1,))]),
        ("Plain text [x] and [] and [1234].", []),
        ("[1]", []),
        ("", []),
    ],
)
def test_markers_belong_to_the_sentence_they_follow(answer: str, claims: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(claim.text, claim.numbers) for claim in parse_markers(answer)] == claims


@pytest.mark.parametrize(
    ("answer", "source", "quote"),
    [
        ("Parental leave is 16 weeks, paid in full. [1]", LEAVE, "Parental leave is 16 weeks, paid in full."),
        ("paid in full [1]", LEAVE, "paid in full."),
        (
            "You get sixteen, that is 16, weeks of fully paid parental leave [1].",
            LEAVE,
            "Parental leave is 16 weeks, paid in full.",
        ),
        ("It may be taken within 2 years of the birth [1].", LEAVE, "It can be taken within two years of birth."),
        ("Requests are approved by Dr. Meyer [1].", LEAVE, "Dr. Meyer approves each request, e.g. by mail."),
        ("Contractors are not entitled [1].", LEAVE, "Contractors are not entitled"),
        ("City: Berlin; Per night: 120.50 EUR; Nights: 3 [1]", RATES, "Berlin | 120.50 EUR | 3"),
        ("In Madrid the hotel rate is 1100 EUR per night [1].", RATES, "Madrid | 1,100 EUR | 12"),
    ],
)
def test_claim_is_supported_by_the_sentence_that_says_it(answer: str, source: Citable, quote: str) -> None:
    citation = only(answer, source)
    assert citation.supported
    assert citation.quote == quote


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("Parental leave is 18 weeks, paid in full [1].", LEAVE),
        ("Contractors are entitled to parental leave [1].", LEAVE),
        ("Parental leave is not paid in full [1].", LEAVE),
        ("The moon is made of cheese [1].", LEAVE),
        ("Leave [1].", RATES),
        ("Berlin costs 1,100 EUR per night [1].", RATES),
        ("Parental leave is 16 weeks [1].", Citable("")),
        ("It takes 16 weeks [1].", Citable("It takes 1.16 weeks or 16.5 days.")),
    ],
)
def test_claim_without_support_is_kept_and_marked(answer: str, source: Citable) -> None:
    citation = only(answer, source)
    assert not citation.supported
    assert citation.number == 1
    assert source.text[citation.quote_start : citation.quote_end] == citation.quote


@pytest.mark.parametrize("number", [0, 2, 999])
def test_marker_without_a_source_is_kept_and_unsupported(number: int) -> None:
    citation = only(f"Parental leave is 16 weeks [{number}].")
    assert (citation.number, citation.supported, citation.quote) == (number, False, "")


def test_each_number_of_a_claim_is_judged_by_its_own_source() -> None:
    found = cite("Parental leave is 16 weeks, paid in full [1][2].", [LEAVE, RATES])
    assert [(citation.number, citation.supported) for citation in found] == [(1, True), (2, False)]


MARKED = st.lists(
    st.one_of(st.text(max_size=30), st.sampled_from(["[1]", " [2].", "[1, 2]", "Leave is 16 weeks. ", "\n", " | "])),
    max_size=12,
).map("".join)


@given(answer=MARKED, text=MARKED)
def test_offsets_always_slice_to_claim_and_quote(answer: str, text: str) -> None:
    for citation in cite(answer, [Citable(text)]):
        assert answer[citation.claim_start : citation.claim_end] == citation.claim
        assert (text if citation.number == 1 else "")[citation.quote_start : citation.quote_end] == citation.quote
        assert citation.quote or not citation.supported


@given(st.sampled_from([LEAVE, RATES]), st.data())
def test_verbatim_words_are_always_supported(source: Citable, data: st.DataObject) -> None:
    words = source.text.replace("\n", " ").split(" ")
    start = data.draw(st.integers(0, len(words) - 4))
    quoted = " ".join(words[start : start + data.draw(st.integers(4, 8))])
    found = cite(f"{quoted} [1]", [source])
    assert found
    for citation in found:
        assert citation.supported

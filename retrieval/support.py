"""Does a text say what a claim says? Deterministic: nearly the same terms, and all of its numbers."""

import re
from dataclasses import dataclass

from retrieval import lexical

ENOUGH = 0.6
"""Share of a claim's words that its quote must hold. Chosen on CLAPnq's gold answers."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"[.,](?=\d{3}(?:\D|$))")
# Not "one": it is seldom a number.
_NUMBER_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:not?|never|none|cannot|without|nicht|kein\w*|nie|ohne|nunca|ningun\w*)\b|n['’]t\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is compared: the stems of each word, numbers in one spelling, and whether something is denied."""

    words: tuple[frozenset[int], ...]
    numbers: frozenset[str]
    denies: bool

    @classmethod
    def of(cls, text: str) -> "Statement":
        digits = _NUMBER_WORD.sub(lambda word: str(_NUMBER_WORDS.index(word.group().lower()) + 2), text)
        numbers = {_THOUSANDS.sub("", number).replace(",", ".") for number in _NUMBER.findall(digits)}
        words = lexical.word_terms(_NUMBER.sub(" ", digits))
        return cls(tuple(words), frozenset(numbers), _NEGATION.search(text) is not None)

    @property
    def terms(self) -> frozenset[int]:
        return frozenset().union(*self.words)


def coverage(claim: Statement, *, quote: Statement, context: Statement) -> float:
    """Share (0 to 1) of the claim's words and numbers that the quote holds, or its headings around it do.

    0 when the quote itself shares nothing with the claim.
    """
    own, around = quote.terms, quote.terms | context.terms
    if not (any(word & own for word in claim.words) or claim.numbers & quote.numbers):
        return 0.0
    held = sum(bool(word & around) for word in claim.words)
    held += len(claim.numbers & (quote.numbers | context.numbers))
    return held / (len(claim.words) + len(claim.numbers))


def supports(claim: Statement, *, quote: Statement, context: Statement) -> bool:
    return (
        coverage(claim, quote=quote, context=context) >= ENOUGH
        and claim.numbers <= quote.numbers | context.numbers
        and claim.denies == quote.denies
    )


def speaks_of_more(claim: Statement, source: Statement, *, quote: Statement, context: Statement) -> bool:
    """Whether the claim has a word that stands elsewhere in the source: of a table, it names another row."""
    around = quote.terms | context.terms
    elsewhere = source.terms - around
    return any(word & elsewhere and not word & around for word in claim.words)

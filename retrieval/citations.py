"""From an answer's `[n]` markers to the sentences that support it, without a model."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.markers import MarkedClaim, parse_markers, without_markers
from retrieval.sentences import Span, is_table_row, sentence_spans
from retrieval.support import Statement, coverage, speaks_of_more, supports

__all__ = ["Citable", "Citation", "MarkedClaim", "cite", "parse_markers"]

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Citable:
    """What a source says: its text, and the headings above it from the outermost on."""

    text: str
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """One marker of one claim.

    number: as in the marker, 1 is the first source. claim_start, claim_end: offsets in the answer.
    quote: the sentence of the source closest to the claim; quote_start, quote_end: offsets in its text.
    supported: whether the quote says what the claim says.
    A number without a source has an empty quote and no support.
    """

    number: int
    claim: str
    claim_start: int
    claim_end: int
    quote: str
    quote_start: int
    quote_end: int
    supported: bool


def cite(answer: str, sources: Sequence[Citable]) -> tuple[Citation, ...]:
    """A citation for every marker, in the order of the claims; `[1]` is `sources[0]`."""
    return tuple(
        _citation(claim, number, sources[number - 1] if 0 < number <= len(sources) else None)
        for claim in parse_markers(answer)
        for number in claim.numbers
    )


def _citation(claim: MarkedClaim, number: int, source: Citable | None) -> Citation:
    (start, end), supported = _evidence(claim.text, source) if source else ((0, 0), False)
    return Citation(
        number=number,
        claim=claim.text,
        claim_start=claim.start,
        claim_end=claim.end,
        quote=source.text[start:end] if source else "",
        quote_start=start,
        quote_end=end,
        supported=supported,
    )


def _evidence(claim: str, source: Citable) -> tuple[Span, bool]:
    """The best span for the claim and whether it supports it; the empty span if nothing is near."""
    claim = without_markers(claim)
    verbatim = _find_words(claim, source.text)
    if verbatim is not None:
        return verbatim, True
    wanted = Statement.of(claim)
    best, best_coverage, best_supports = (0, 0), 0.0, False
    for span, context in _candidates(source):
        quote = Statement.of(source.text[slice(*span)])
        covered = coverage(wanted, quote=quote, context=context)
        supported = supports(wanted, quote=quote, context=context) and not (
            is_table_row(source.text[slice(*span)])
            and speaks_of_more(wanted, Statement.of(source.text), quote=quote, context=context)
        )
        # Shorter candidates come first, so a longer one must be better.
        if (supported, covered) > (best_supports, best_coverage):
            best, best_coverage, best_supports = span, covered, supported
    return best, best_supports


def _find_words(claim: str, text: str) -> Span | None:
    """Where the claim's words stand one after another, whatever is between them."""
    words = _WORD.findall(claim)
    if not words:
        return None
    sequence = r"\W+".join(map(re.escape, words))
    # Not inside a longer word or number: 16 is not in 1.16.
    found = re.search(rf"(?<!\w)(?<!\d[.,]){sequence}(?!\w|[.,]\d)", text, re.IGNORECASE)
    if found is None:
        return None
    closing = re.match(r"[.!?…]?[\"'”’»)\]]?", text[found.end() :])
    return found.start(), found.end() + (closing.end() if closing else 0)


def _candidates(source: Citable) -> Iterator[tuple[Span, Statement]]:
    """Each sentence, then each two in a row, with what stands above: headings and a table's header."""
    spans = list(sentence_spans(source.text))
    contexts: list[Statement] = []
    header = ""
    for start, end in spans:
        if not is_table_row(source.text[start:end]):
            header = ""
        elif not header:
            header = source.text[start:end]
        contexts.append(Statement.of("\n".join((*source.headings, header))))
    yield from zip(spans, contexts, strict=True)
    for (start, _), (_, end), context in zip(spans, spans[1:], contexts, strict=False):
        if not is_table_row(source.text[start:end]):
            yield (start, end), context

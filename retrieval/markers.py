"""An answer's claims: which words each `[n]` marker vouches for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.sentences import Span, sentence_spans

_GROUP = re.compile(r"\[\d{1,3}(?:\s*,\s*\d{1,3})*\](?:\s*\[\d{1,3}(?:\s*,\s*\d{1,3})*\])*")
_NUMBER = re.compile(r"\d+")
# Fewer words than this before a marker are no claim of their own: the marker speaks for the whole sentence.
_CLAUSE_WORDS = 4


@dataclass(frozen=True, slots=True)
class MarkedClaim:
    """numbers: of the markers, ascending in order of first mention. start, end: offsets in the answer.

    text is answer[start:end]; it may contain markers that stand inside the sentence.
    """

    text: str
    start: int
    end: int
    numbers: tuple[int, ...]


def without_markers(text: str) -> str:
    """The same length as `text`, with spaces where the markers were."""
    return _GROUP.sub(lambda group: " " * len(group.group()), text)


def parse_markers(answer: str) -> tuple[MarkedClaim, ...]:
    """The marked sentences, or the clauses of one that has several markers; the unmarked are left out."""
    spans = list(sentence_spans(without_markers(answer)))
    groups: dict[int, list[re.Match[str]]] = {}
    for group in _GROUP.finditer(answer):
        sentence = _sentence_of(group.start(), answer, spans)
        if sentence is not None:
            groups.setdefault(sentence, []).append(group)
    return tuple(claim for i, found in groups.items() for claim in _claims(answer, spans[i], found))


def _sentence_of(position: int, answer: str, spans: list[Span]) -> int | None:
    """The sentence around a marker or before it; a marker that opens a line belongs to what follows."""
    begun = sum(start <= position for start, _ in spans)
    opens_line = not answer[answer.rfind("\n", 0, position) + 1 : position].strip(" -*•>")
    inside = begun > 0 and position < spans[begun - 1][1]
    if (opens_line or begun == 0) and not inside and begun < len(spans):
        return begun
    return begun - 1 if begun else None


def _claims(answer: str, span: Span, groups: list[re.Match[str]]) -> Iterator[MarkedClaim]:
    start, end = span
    pieces: list[tuple[Span, set[int]]] = []
    for group in groups:
        numbers = set(map(int, _NUMBER.findall(group.group())))
        piece = start, min(max(group.start(), start), end)
        if pieces and len(answer[slice(*piece)].split()) < _CLAUSE_WORDS:
            pieces[-1][1].update(numbers)
        else:
            pieces.append((piece, numbers))
        start = min(group.end(), end)
    if len(pieces) == 1:
        yield _claim(answer, span, pieces[0][1])
        return
    for piece, numbers in pieces:
        yield _claim(answer, piece, numbers)


def _claim(answer: str, span: Span, numbers: set[int]) -> MarkedClaim:
    text = answer[slice(*span)]
    start = span[0] + len(text) - len(text.lstrip(" ,;"))
    end = start + len(text.strip(" ,;"))
    return MarkedClaim(answer[start:end], start, end, tuple(sorted(numbers)))

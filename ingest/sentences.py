"""Where a text may be cut: after a sentence, else after a line, else between words."""

import re
from collections.abc import Iterator

_BOUNDARY = re.compile(r"(?:[.!?…][\"'”’)\]]*\s+(?=[\"'“‘(\[¿¡]*[A-Z0-9À-ÖØ-Þ\u0370-\uffff])|[。！？]\s*|\n\s*\n\s*)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Fig|Inc|Ltd|Co|Corp|vs|cf|al|etc|e\.g|i\.e|approx|Art|Sec|Vol|pp?)"
    r"|(?:^|[\s(.])[A-Z])\.$"
)
_LOOK_BACK = 12


def sentence_spans(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """Adjoining spans that cover text[start:end], one sentence each, none longer than longest characters."""
    begin = start
    for boundary in _BOUNDARY.finditer(text, start, end):
        stop = boundary.start() + 1
        if text[stop - 1] == "." and _ABBREVIATION.search(text, max(begin, stop - _LOOK_BACK), stop):
            continue
        yield from _cut(text, begin, boundary.end(), longest)
        begin = boundary.end()
    yield from _cut(text, begin, end, longest)


def _cut(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """One span, or several where a sentence is too long: cut at a line's end or a space in its last half."""
    while end - start > longest:
        earliest = start + longest // 2
        newline = text.rfind("\n", earliest, start + longest)
        space = text.rfind(" ", earliest, start + longest)
        stop = max(newline, -1) + 1 or max(space, -1) + 1 or start + longest
        yield start, stop
        start = stop
    if start < end:
        yield start, end

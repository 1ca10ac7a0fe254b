"""Where a text may be cut: after a sentence, else after a line, else between words."""

import re
from collections.abc import Iterator

from core.sentences import sentence_ends

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_SPACE = re.compile(r"\s*")


def sentence_spans(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """Adjoining spans that cover text[start:end], one sentence each, none longer than longest characters."""
    ends = {*sentence_ends(text, start, end), *(found.end() for found in _BLANK_LINE.finditer(text, start, end))}
    begin = start
    for stop in sorted(ends):
        space = _SPACE.match(text, stop, end)
        assert space is not None
        if space.end() > begin:
            yield from _cut(text, begin, space.end(), longest)
            begin = space.end()
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

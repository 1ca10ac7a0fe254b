"""Where the sentences of a text lie, so that what is quoted can be shown in its place."""

import re
from collections.abc import Iterator

from core.sentences import sentence_ends

Span = tuple[int, int]

_BULLET = re.compile(r"\s*(?:[-*+•‣◦]|\d{1,3}[.)])\s+\S")
# A line shorter than this ends where its author ended it; a longer one may be wrapped.
_WRAPPED_LINE = 60


def sentence_spans(text: str) -> Iterator[Span]:
    """Start and end of each sentence, list item, heading and table row, in order, without space around it."""
    for start, end in _block_spans(text):
        begin = start
        for stop in sentence_ends(text, start, end):
            yield from _trimmed(text, begin, stop)
            begin = stop
        yield from _trimmed(text, begin, end)


def is_table_row(line: str) -> bool:
    return " | " in line or line.strip().startswith("|")


def _block_spans(text: str) -> Iterator[Span]:
    """Lines that belong together: a wrapped paragraph, one list item, one table row, one heading."""
    start = position = 0
    before = ""
    for line in text.splitlines(keepends=True):
        if before and _begins_block(line, before):
            yield start, position
            start = position
        position += len(line)
        before = line
    yield start, position


def _begins_block(line: str, before: str) -> bool:
    if not line.strip() or not before.strip() or is_table_row(line) or is_table_row(before):
        return True
    if _BULLET.match(line) or line.lstrip().startswith("#") or before.lstrip().startswith("#"):
        return True
    return len(before) < _WRAPPED_LINE and not line.lstrip()[0].islower()


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    stripped = text[start:end].strip()
    if stripped:
        start += text[start:end].index(stripped[0])
        yield start, start + len(stripped)

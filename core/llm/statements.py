"""A chunk's text as the statements one can quote: sentences, list items, table rows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap

from core.sentences import sentence_ends

_BULLET = re.compile(r"\s*(?:[-*+•‣◦]|\d{1,3}[.)])\s+")
_HEADING_MARK = re.compile(r"\s*#{1,6}\s+")
_TABLE_RULE = re.compile(r"[\s|:=-]+")
_LONGEST = 500  # characters of one statement; what has no full stop for longer is cut between words
_LONGEST_CAPTION = 150
_WRAPPED_LINE = 60  # characters; a shorter line ends where its author ended it


@dataclass(frozen=True)
class Statement:
    """`text` can be quoted alone.

    lead_in: the question or the line ending in a colon that it completes, or "".
    heading: the nearest one above it, or "".
    """

    text: str
    lead_in: str = ""
    heading: str = ""


def statements(text: str) -> list[Statement]:
    """In reading order. Headings, lead-ins and questions belong to what follows and are never statements."""
    found: list[Statement] = []
    heading = lead_in = before = ""
    blocks = [*_blocks(text), []]
    for block, following in pairwise(blocks):
        if _is_table(block):
            found += [Statement(row, lead_in, heading) for row in _rows(block)]
            continue
        paragraph = " ".join(" ".join(block).split())
        if not _BULLET.match(block[0]) and not _leads_in(before):
            lead_in = ""
        before = paragraph
        if _is_table(following) and _is_caption(paragraph):
            lead_in = paragraph
            continue
        if _is_heading(paragraph):
            heading = _HEADING_MARK.sub("", paragraph)
            lead_in = heading if _leads_in(heading) else ""
            continue
        bullet = _BULLET.match(paragraph)
        for sentence in _sentences(paragraph[bullet.end() :] if bullet else paragraph):
            if _leads_in(sentence):
                lead_in = sentence
            elif any(c.isalnum() for c in sentence):
                found += [Statement(part, lead_in, heading) for part in wrap(sentence, _LONGEST)]
    return found


def _leads_in(sentence: str) -> bool:
    return sentence.endswith((":", "?"))


def _sentences(paragraph: str) -> list[str]:
    ends = [0, *sentence_ends(paragraph, 0, len(paragraph)), len(paragraph)]
    return [paragraph[start:end].strip() for start, end in pairwise(ends)]


def _is_caption(paragraph: str) -> bool:
    """Of the table below: a line that is no sentence."""
    return len(paragraph) <= _LONGEST_CAPTION and not paragraph.endswith((".", "!"))


def _blocks(text: str) -> Iterator[list[str]]:
    """Lines that belong together: a wrapped paragraph, one list item, one table, one heading."""
    block: list[str] = []
    for line in text.splitlines():
        if block and _begins_block(line, block):
            yield block
            block = []
        if line.strip():
            block.append(line.strip())
    if block:
        yield block


def _begins_block(line: str, block: list[str]) -> bool:
    if not line.strip() or _BULLET.match(line) or _HEADING_MARK.match(line):
        return True
    before = block[-1]
    if _is_row(line) or _is_row(before):
        return _is_row(line) != _is_row(before)
    complete = before.endswith((".", "!", "?", ":")) or _HEADING_MARK.match(before) is not None
    return len(before) < _WRAPPED_LINE and (complete or not line.strip()[0].islower())


def _is_row(line: str) -> bool:
    return " | " in line or line.strip().startswith("|")


def _is_table(block: list[str]) -> bool:
    return len(block) > 1 and all(_is_row(line) for line in block)


def _rows(block: list[str]) -> list[str]:
    """Each row as `Column: cell; Column: cell`, or as it stands where it does not match the header."""
    header, *rows = [_cells(line) for line in block if not _TABLE_RULE.fullmatch(line)] or [[]]
    return [
        "; ".join(f"{name}: {cell}" for name, cell in zip(header, row, strict=False) if cell)
        if len(row) <= len(header) and all(header)  # empty cells at the end are often cut off
        else " | ".join(row)
        for row in rows
    ]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _is_heading(paragraph: str) -> bool:
    if _HEADING_MARK.match(paragraph):
        return True
    words = paragraph.split()
    numbered = re.match(r"\d+(\.\d+)*\.?\s", paragraph) is not None
    if _BULLET.match(paragraph) and not (numbered and len(words) <= 4):
        return False
    ends = paragraph.endswith((".", "!", "?", ";", ":", ",", "。"))
    says_a_value = re.search(r"\d|: ", re.sub(r"^[\d.]+\s", "", paragraph)) is not None
    return len(words) <= 8 and not ends and not says_a_value

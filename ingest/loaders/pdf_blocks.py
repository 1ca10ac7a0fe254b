"""Groups the lines of a PDF into headings, paragraphs, list items and tables."""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.blocks import Block
from ingest.loaders.pdf_lines import Line
from ingest.loaders.pdf_tables import is_row, table_end, table_text

# Sizes are in units of the body's font size, distances in units of the line's own.
_HEADING_SIZE = 1.12
_BOLD_HEADING_SIZE = 0.85
_HEADING_CHARACTERS = 200
_BOLD_HEADING_CHARACTERS = 120
_HEADING_LINES = 3
_TIGHTEST_PITCH, _WIDEST_PITCH = 1.4, 2.4
_EDGE_LINES = 2
_LIST_ITEM = re.compile(r"([•●▪◦‣·*–\ue000-\uf8ff-]|\(?([0-9]{1,2}|[a-z]|[ivx]{1,4})[.)])\s+\S", re.IGNORECASE)
_PAGE_NUMBER = re.compile(r"^\d+|\d+(?=\D*$)")
_CLAUSE_END = re.compile(r"[.;:,!?]$")


def blocks_of(pages: Sequence[list[Line]]) -> Iterator[Block]:
    """The blocks of the whole document; pages hold each page's lines in reading order."""
    pages = _without_furniture(pages)
    typography = _typography([line for lines in pages for line in lines])
    for lines in pages:
        index = 0
        while index < len(lines):
            block, index = _next_block(lines, index, typography)
            yield block


@dataclass(frozen=True, slots=True)
class _Typography:
    """body: font size of most characters; levels: heading level by font size; pitch: widest within a text."""

    body: float
    levels: dict[float, int]
    pitch: float

    def heading_level(self, line: Line) -> int:
        """1 to 6, or 0 when the line is no heading. Bold lines of body size come below the large ones."""
        text = line.text
        if not (text[0].isdigit() or text[0].isalpha()) or text[0].islower():
            return 0
        if _is_large(line, self.body) and len(text) <= _HEADING_CHARACTERS and not text.endswith((".", ",")):
            return self.levels[line.size]
        is_short = 2 < len(text) <= _BOLD_HEADING_CHARACTERS and not _CLAUSE_END.search(text)
        is_bold = line.bold and line.size >= self.body * _BOLD_HEADING_SIZE and not is_row(line)
        if is_bold and is_short and any(character.isalpha() for character in text):
            return min(max(self.levels.values(), default=0) + 1, 6)
        return 0

    def is_next_line(self, above: Line, below: Line) -> bool:
        distance = abs(above.bottom - below.bottom)
        return above.turn == below.turn and distance <= self.pitch * max(above.size, below.size)


def _typography(lines: list[Line]) -> _Typography:
    characters: Counter[float] = Counter()
    for line in lines:
        characters[line.size] += len(line.text)
    body = characters.most_common(1)[0][0] if characters else 0.0
    large = sorted({line.size for line in lines if _is_large(line, body)}, reverse=True)
    levels = {size: min(rank, 5) for rank, size in enumerate(large, start=1)}
    steps = [
        (above.bottom - below.bottom) / above.size
        for above, below in pairwise(lines)
        if above.size == below.size == body and 0 < above.bottom - below.bottom < 3 * body
    ]
    pitch = 1.3 * statistics.median(steps) if steps else _TIGHTEST_PITCH
    return _Typography(body, levels, min(max(pitch, _TIGHTEST_PITCH), _WIDEST_PITCH))


def _is_large(line: Line, body: float) -> bool:
    letters = sum(character.isalpha() for character in line.text)
    return line.turn == 0 and line.size >= body * _HEADING_SIZE and letters > 2


def _next_block(lines: list[Line], start: int, typography: _Typography) -> tuple[Block, int]:
    """The block that begins at start and the index after its last line."""
    page = lines[start].page
    end = table_end(lines, start)
    if end > start:
        return Block("table", table_text(lines[start:end]), page=page), end
    level = typography.heading_level(lines[start])
    if level:
        end = _heading_end(lines, start, typography)
        return Block("heading", _running_text(lines[start:end]), level=level, page=page), end
    end = _paragraph_end(lines, start, typography)
    text = _running_text(lines[start:end])
    return Block("list_item" if _LIST_ITEM.match(text) else "paragraph", text, page=page), end


def _heading_end(lines: list[Line], start: int, typography: _Typography) -> int:
    """A heading may run over several lines of the same look."""
    for end in range(start + 1, min(start + _HEADING_LINES, len(lines))):
        above, below = lines[end - 1], lines[end]
        same_look = (above.size, above.bold) == (below.size, below.bold)
        if not same_look or not typography.is_next_line(above, below):
            return end
        if is_row(below) or _LIST_ITEM.match(below.text):
            return end
    return min(start + _HEADING_LINES, len(lines))


def _paragraph_end(lines: list[Line], start: int, typography: _Typography) -> int:
    for end in range(start + 1, len(lines)):
        above, below = lines[end - 1], lines[end]
        if not typography.is_next_line(above, below) or abs(above.size - below.size) > 1:
            return end
        if _LIST_ITEM.match(below.text) or table_end(lines, end) > end:
            return end
        if not above.bold and typography.heading_level(below):
            return end
    return len(lines)


def _running_text(lines: Sequence[Line]) -> str:
    """The lines joined, words that were hyphenated at a line's end made whole."""
    text = lines[0].text
    for line in lines[1:]:
        hyphenated = text[-1] == "-" and text[-2:-1].isalpha() and line.text[0].islower()
        text = text[:-1] + line.text if hyphenated else f"{text} {line.text}"
    return text


def _without_furniture(pages: Sequence[list[Line]]) -> list[list[Line]]:
    """Drops running headers and footers: lines at the edge of three pages or more, and of a third of them."""
    edges = [_edges(lines) if len(lines) > 2 * _EDGE_LINES else [] for lines in pages]
    counts = Counter(look for page in edges for look in {_look(line) for line in page})
    furniture = {look for look, count in counts.items() if count >= 3 and count * 3 >= len(pages)}
    dropped = {id(line) for page in edges for line in page if _look(line) in furniture}
    return [[line for line in lines if id(line) not in dropped] for lines in pages]


def _edges(lines: list[Line]) -> list[Line]:
    by_height = sorted(lines, key=lambda line: line.top)
    return by_height[:_EDGE_LINES] + by_height[-_EDGE_LINES:]


def _look(line: Line) -> str:
    """What stays the same from page to page in a running header or footer: all but the page number."""
    return _PAGE_NUMBER.sub("#", line.text)

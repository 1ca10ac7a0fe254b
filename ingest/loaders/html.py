"""HTML as a stream of tags: no tree is built, so no depth of nesting can hurt."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree  # type: ignore[import-untyped]

from ingest.blocks import Block, BlockKind, ParsedDocument
from ingest.limits import ParseLimits
from ingest.loaders.decoding import decode_html
from ingest.loaders.progress import Progress
from ingest.loaders.tables import render_table, spread

_UNSEEN = {"head", "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select"}
_UNSEEN |= {"textarea"}
_INLINE = {
    "a",
    "abbr",
    "b",
    "bdi",
    "bdo",
    "big",
    "cite",
    "code",
    "data",
    "del",
    "dfn",
    "em",
    "font",
    "i",
    "img",
}
_INLINE |= {"input", "ins", "kbd", "label", "mark", "nobr", "q", "s", "samp", "small", "span", "strike"}
_INLINE |= {"strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
_SPACE = re.compile(r"\s+")
_SPACE_AT_BREAK = re.compile(r" *\n\s*")
_WIDEST_SPAN = 100
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# A cell longer than this holds prose: the table is there for the layout of the page.
_CELL_CHARACTERS = 1_000


def load_html(data: bytes, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """What a reader of the page sees, without scripts, styles and the head."""
    return ParsedDocument(parse_html(decode_html(data)))


def parse_html(markup: str) -> tuple[Block, ...]:
    """The blocks of an HTML document or fragment."""
    # The leading comment keeps libxml2 from refusing text without any markup.
    parser = etree.HTMLParser(target=_Blocks(), huge_tree=True, encoding="utf-8")
    parser.feed(b"<!---->" + markup.replace("\0", "").encode("utf-8", errors="replace"))
    blocks: tuple[Block, ...] = parser.close()
    return blocks


@dataclass(slots=True)
class _Cell:
    columns: int
    rows: int
    blocks: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class _Table:
    rows: list[list[_Cell]] = field(default_factory=list)

    def blocks(self) -> list[Block]:
        """One table block, or the cells' own blocks where the table only lays out the page."""
        cells = [cell for row in self.rows for cell in row]
        inner = [block for cell in cells for block in cell.blocks]
        is_data = max((len(row) for row in self.rows), default=0) > 1 and all(map(_is_data, cells))
        if not is_data:
            return inner
        grid = [
            [(" ".join(block.text for block in cell.blocks), cell.columns, cell.rows) for cell in row]
            for row in self.rows
        ]
        text = render_table(spread(grid))
        return [Block("table", text)] if " | " in text else inner


def _is_data(cell: _Cell) -> bool:
    is_flat = all(block.kind in ("paragraph", "list_item", "code") for block in cell.blocks)
    return is_flat and sum(len(block.text) for block in cell.blocks) <= _CELL_CHARACTERS


class _Blocks:
    """The target of lxml's parser: gathers text until a tag ends the block."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._tables: list[_Table] = []
        self._text: list[str] = []
        self._kind: BlockKind = "paragraph"
        self._level = 0
        self._unseen = 0
        self._preformatted = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        if self._unseen or tag in _INLINE:
            return
        if tag == "br":
            self._text.append("\n")
            return
        self._flush()
        if tag in _HEADINGS:
            self._kind, self._level = "heading", _HEADINGS[tag]
        elif tag in ("li", "dd"):
            self._kind = "list_item"
        elif tag == "pre":
            self._kind = "code"
            self._preformatted += 1
        elif tag in ("table", "tr", "td", "th"):
            self._start_in_table(tag, attributes)

    def end(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen -= 1
        if self._unseen or tag in _UNSEEN or tag in _INLINE or tag == "br":
            return
        self._flush()
        self._kind, self._level = "paragraph", 0
        if tag == "pre":
            self._preformatted -= 1
        elif tag == "table" and self._tables:
            table = self._tables.pop()
            self._target().extend(table.blocks())

    def data(self, text: str) -> None:
        if not self._unseen:
            self._text.append(text if self._preformatted else _SPACE.sub(" ", text))

    def close(self) -> tuple[Block, ...]:
        self._flush()
        return tuple(self._blocks)

    def _start_in_table(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "table":
            self._tables.append(_Table())
        elif self._tables and tag == "tr":
            self._tables[-1].rows.append([])
        elif self._tables and self._tables[-1].rows:
            cell = _Cell(_span(attributes.get("colspan")), _span(attributes.get("rowspan")))
            self._tables[-1].rows[-1].append(cell)

    def _target(self) -> list[Block]:
        """The open cell's blocks, or the document's."""
        if self._tables and self._tables[-1].rows and self._tables[-1].rows[-1]:
            return self._tables[-1].rows[-1][-1].blocks
        return self._blocks

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        text = text.strip("\n") if self._preformatted else _SPACE_AT_BREAK.sub("\n", text).strip()
        if text.strip():
            self._target().append(Block(self._kind, text, level=self._level))


def _span(value: str | None) -> int:
    return min(int(value), _WIDEST_SPAN) if value and value.isdecimal() and value.isascii() else 1

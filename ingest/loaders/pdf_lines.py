"""The lines of a PDF page, put together from the boxes of its characters."""

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

# Distances are in units of the font size.
_WORD_GAP = 0.2
_CELL_GAP = 1.0
# The letters of a ligature share one box, so a letter may begin where its predecessor began.
_BACKSTEP = 1.0
# A cell of stacked lines is drawn before its right neighbour, so a row may have begun a few lines ago.
_OPEN_LINES = 4
_BOLD_WEIGHT = 600
_SOFT_HYPHENS = "\x02\ufffe\u00ad"


@dataclass(slots=True)
class Cell:
    """Text without a wide gap; x0 and x1 in points along the reading direction."""

    text: str
    x0: float
    x1: float


@dataclass(slots=True)
class Line:
    """Cells on one baseline, in points with y upwards; turn is the text's rotation in quarter turns."""

    cells: list[Cell]
    bottom: float
    top: float
    size: float
    bold: bool
    turn: int
    page: int

    @property
    def text(self) -> str:
        return " ".join(cell.text for cell in self.cells)

    @property
    def x0(self) -> float:
        return self.cells[0].x0

    @property
    def x1(self) -> float:
        return self.cells[-1].x1


class _Glyph(NamedTuple):
    ordinal: int
    character: str
    after_space: bool
    turn: int
    x0: float
    x1: float
    bottom: float
    top: float


def read_lines(page: pdfium.PdfPage, number: int) -> list[Line]:
    """The page's lines in the order in which they were drawn; number is the 1-based page number."""
    text_page = page.get_textpage()
    try:
        lines: list[Line] = []
        current: Line | None = None
        last: dict[int, _Glyph] = {}
        for glyph in _glyphs(text_page):
            current = _line_of(glyph, current, lines)
            if current is None:
                size, bold = _font(text_page.raw, glyph)
                cell = Cell(glyph.character, glyph.x0, glyph.x1)
                current = Line([cell], glyph.bottom, glyph.top, size, bold, glyph.turn, number)
                lines.append(current)
            else:
                _append(current, glyph)
            last[id(current)] = glyph
        for line in lines:
            line.bold = line.bold and _font(text_page.raw, last[id(line)])[1]
        return lines
    finally:
        text_page.close()


def _glyphs(text_page: pdfium.PdfTextPage) -> Iterator[_Glyph]:
    raw = text_page.raw
    box = pdfium_c.FS_RECTF()
    box_ref = ctypes.byref(box)
    after_space = False
    for index in range(text_page.count_chars()):
        code = pdfium_c.FPDFText_GetUnicode(raw, index)
        character = chr(code) if code <= 0x10FFFF else "\ufffd"
        if code == 0 or character.isspace():
            after_space = True
            continue
        if not pdfium_c.FPDFText_GetLooseCharBox(raw, index, box_ref):
            continue
        turn = round(pdfium_c.FPDFText_GetCharAngle(raw, index) / (math.pi / 2)) % 4
        yield _Glyph(index, character, after_space, turn, *_upright(box, turn))
        after_space = False


def _upright(box: "pdfium_c.FS_RECTF", turn: int) -> tuple[float, float, float, float]:
    """Left, right, bottom and top, with the page turned so that the text runs from left to right."""
    left, right, bottom, top = box.left, box.right, box.bottom, box.top
    if turn == 1:
        return -top, -bottom, left, right
    if turn == 2:
        return -right, -left, -top, -bottom
    if turn == 3:
        return bottom, top, -right, -left
    return left, right, bottom, top


def _line_of(glyph: _Glyph, current: Line | None, lines: list[Line]) -> Line | None:
    if current is not None and _on_baseline(glyph, current) and _follows(glyph, current, -_BACKSTEP):
        return current
    for line in reversed(lines[-_OPEN_LINES:]):
        if _on_baseline(glyph, line) and _follows(glyph, line, _CELL_GAP):
            return line
    return None


def _on_baseline(glyph: _Glyph, line: Line) -> bool:
    return glyph.turn == line.turn and line.bottom < (glyph.bottom + glyph.top) / 2 < line.top


def _follows(glyph: _Glyph, line: Line, gap: float) -> bool:
    return glyph.x0 >= line.x1 + gap * line.size


def _append(line: Line, glyph: _Glyph) -> None:
    cell = line.cells[-1]
    gap = glyph.x0 - cell.x1
    if gap > _CELL_GAP * line.size:
        line.cells.append(Cell(glyph.character, glyph.x0, glyph.x1))
        return
    if glyph.after_space or gap > _WORD_GAP * line.size:
        cell.text += " "
    cell.text += "-" if glyph.character in _SOFT_HYPHENS else glyph.character
    cell.x1 = max(cell.x1, glyph.x1)


def _font(raw: "pdfium_c.FPDF_TEXTPAGE", glyph: _Glyph) -> tuple[float, bool]:
    """Font size in points as drawn, and whether the font is bold, at one character."""
    matrix = pdfium_c.FS_MATRIX()
    scale = 1.0
    if pdfium_c.FPDFText_GetMatrix(raw, glyph.ordinal, ctypes.byref(matrix)):
        scale = math.hypot(matrix.c, matrix.d) or 1.0
    size = pdfium_c.FPDFText_GetFontSize(raw, glyph.ordinal) * scale
    if not 1 <= size <= 500:
        size = max(glyph.top - glyph.bottom, 1.0)
    name = ctypes.create_string_buffer(128)
    pdfium_c.FPDFText_GetFontInfo(raw, glyph.ordinal, name, len(name), None)
    heavy = pdfium_c.FPDFText_GetFontWeight(raw, glyph.ordinal) >= _BOLD_WEIGHT
    return round(size * 2) / 2, heavy or b"bold" in name.value.lower()

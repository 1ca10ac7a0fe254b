"""Finds the tables of a PDF page: runs of lines whose cells stand in columns."""

import re

from ingest.loaders.pdf_lines import Cell, Line
from ingest.loaders.tables import render_table

# Between two rows of cells there may stand this many lines of one cell: wrapped labels, sub-headings.
_LABELS_BETWEEN_ROWS = 2
_ROW_PITCH = 3.5
_LOOKAHEAD = 12
_LIST_MARKER = re.compile(
    r"[•●▪◦‣·–—*☐☒\ue000-\uf8ff-]|\(?[0-9a-zA-Z]{1,4}[.)]|(item|note|part|section)\s+\S{1,4}", re.I
)


def is_row(line: Line) -> bool:
    """Whether a line has several cells and is not a list item or numbered heading with a wide indent."""
    cells = [cell for cell in line.cells if cell.text not in "$€£¥"]
    return len(cells) > 1 and not (len(cells) == 2 and _LIST_MARKER.fullmatch(cells[0].text))


def table_end(lines: list[Line], start: int) -> int:
    """The index after the last line of the table that begins at start; start itself if none does."""
    rows, end, index = 0, start, start
    while index < len(lines) and (index == start or _continues(lines[index - 1], lines[index])):
        if is_row(lines[index]):
            rows += 1
            end = index + 1
        elif index - end >= _LABELS_BETWEEN_ROWS or not _is_label(lines[index], lines[start:], begun=rows > 0):
            break
        index += 1
    return end if rows >= 2 else start


def _continues(above: Line, below: Line) -> bool:
    distance = above.bottom - below.bottom
    return above.turn == below.turn and -1 <= distance <= _ROW_PITCH * max(above.size, below.size)


def _is_label(line: Line, lines: list[Line], begun: bool) -> bool:
    """A single cell above some of the columns or, once rows have begun, one that leaves them free."""
    rows = [row for row in lines[:_LOOKAHEAD] if is_row(row)]
    if not rows:
        return False
    left, right = min(row.x0 for row in rows), max(row.x1 for row in rows)
    if line.x1 > right + line.size:
        return False
    above_columns = line.x0 > left + 0.3 * (right - left)
    leaves_columns_free = line.x1 < left + 0.75 * (right - left)
    return above_columns or (begun and leaves_columns_free)


def table_text(lines: list[Line]) -> str:
    """The table of these lines as text."""
    rows = [_without_currency_cells(line.cells) for line in lines]
    columns = _columns(rows)
    return render_table([_place(row, columns) for row in rows])


def _without_currency_cells(cells: list[Cell]) -> list[Cell]:
    joined: list[Cell] = []
    sign = ""
    for cell in cells:
        text, next_sign = cell.text, ""
        if len(text) > 1 and text[-2:-1] == " " and text[-1] in "$€£¥":
            text, next_sign = text[:-2], text[-1]
        if text in "$€£¥" and cell is not cells[-1]:
            sign = text
            continue
        joined.append(Cell(sign + text, cell.x0, cell.x1))
        sign = next_sign
    return joined


def _columns(rows: list[list[Cell]]) -> list[tuple[float, float]]:
    """Horizontal extents of the columns, from the rows that have the most cells."""
    most = max(len(row) for row in rows)
    columns: list[tuple[float, float]] = []
    for x0, x1 in sorted((cell.x0, cell.x1) for row in rows if len(row) == most for cell in row):
        if columns and x0 <= columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], x1))
        else:
            columns.append((x0, x1))
    return columns


def _place(cells: list[Cell], columns: list[tuple[float, float]]) -> list[str]:
    """One text per column; a cell goes to the nearest column, and cells of one column are joined."""
    row = [""] * len(columns)
    for cell in cells:
        nearest = min(range(len(columns)), key=lambda index: _gap(cell, columns[index]))
        row[nearest] = f"{row[nearest]} {cell.text}".strip()
    return row


def _gap(cell: Cell, column: tuple[float, float]) -> tuple[float, float]:
    """Distance between the two extents (0 when they overlap), then between their right edges."""
    return max(column[0] - cell.x1, cell.x0 - column[1], 0.0), abs(cell.x1 - column[1])

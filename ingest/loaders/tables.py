"""The one form in which a table of any format becomes text."""

import re
from collections.abc import Sequence

_CURRENCY = re.compile(r"[$€£¥]")
_TRAILING_CURRENCY = re.compile(r"(?<=\S)\s+([$€£¥])$")
_CLOSING = re.compile(r"[)%]+")


def render_table(rows: Sequence[Sequence[str]]) -> str:
    """One line per row, ` | ` between cells; empty rows and empty columns are left out.

    Rows may differ in length. A currency sign in a cell of its own joins the amount to its right, a closing
    parenthesis or per cent sign the one to its left.
    """
    tidy = [_join_signs([" ".join(cell.split()) for cell in row]) for row in rows]
    tidy = [row for row in tidy if any(row)]
    width = max((len(row) for row in tidy), default=0)
    grid = [row + [""] * (width - len(row)) for row in tidy]
    kept = [column for column in range(width) if any(row[column] for row in grid)]
    return "\n".join(" | ".join(row[column] for column in kept).rstrip(" |") for row in grid)


def _join_signs(row: list[str]) -> list[str]:
    """The same cells, as many as before, with the signs moved to their amounts."""
    cells = list(row)
    for index in range(len(cells) - 1):
        trailing = _TRAILING_CURRENCY.search(cells[index])
        if _CURRENCY.fullmatch(cells[index]):
            cells[index + 1] = cells[index] + cells[index + 1]
            cells[index] = ""
        elif trailing and cells[index + 1]:
            cells[index + 1] = trailing[1] + cells[index + 1]
            cells[index] = cells[index][: trailing.start()]
    for index in range(1, len(cells)):
        if _CLOSING.fullmatch(cells[index]) and cells[index - 1]:
            cells[index - 1] += cells[index]
            cells[index] = ""
    return cells


def spread(rows: Sequence[Sequence[tuple[str, int, int]]]) -> list[list[str]]:
    """Rows of (text, columns spanned, rows spanned) as a grid with the text in each span's first cell."""
    grid: list[list[str]] = []
    below: dict[int, int] = {}
    for row in rows:
        texts: list[str] = []
        still_below: dict[int, int] = {}
        for text, columns, height in row:
            _fill(texts, below, still_below)
            if height > 1:
                still_below.update(dict.fromkeys(range(len(texts), len(texts) + columns), height - 1))
            texts += [text] + [""] * (columns - 1)
        _fill(texts, below, still_below)
        grid.append(texts)
        below = still_below
    return grid


def _fill(texts: list[str], below: dict[int, int], still_below: dict[int, int]) -> None:
    """Empty cells where a cell of an earlier row reaches down to this one."""
    while len(texts) in below:
        remaining = below[len(texts)] - 1
        if remaining:
            still_below[len(texts)] = remaining
        texts.append("")

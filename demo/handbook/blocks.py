"""The small part of Markdown in which the handbook's sources are written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Text:
    """A piece of running text; `kind` names its place on the page."""

    kind: Literal["title", "heading", "subheading", "paragraph", "bullet"]
    text: str


@dataclass(frozen=True)
class Table:
    """A captioned table; `rows[0]` is its header, and all rows are equally long."""

    caption: str
    rows: list[list[str]]

    def column_shares(self) -> list[float]:
        """Each column's part of the table's width, by its longest cell; they add up to 1."""
        longest = [min(max(len(cell) for cell in column), 30) + 12 for column in zip(*self.rows, strict=True)]
        return [length / sum(longest) for length in longest]


@dataclass(frozen=True)
class PageBreak:
    """What follows begins on a new page (`---` in the source)."""


Block = Text | Table | PageBreak


def parse(markdown: str) -> Iterator[Block]:
    """Yield the blocks of a source, in which an empty line ends each of them."""
    for paragraph in markdown.strip().split("\n\n"):
        first, *rest = lines = paragraph.strip().splitlines()
        marker, _, text = first.partition(" ")
        match marker:
            case "---":
                yield PageBreak()
            case "#":
                yield Text("title", text)
            case "##":
                yield Text("heading", text)
            case "###":
                yield Text("subheading", text)
            case "-":
                yield from (Text("bullet", line.removeprefix("- ")) for line in lines)
            case "Table":
                yield Table(first, [_cells(line) for line in rest if not line.startswith("|-")])
            case _:
                yield Text("paragraph", " ".join(lines))


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row[1:-1].split("|")]

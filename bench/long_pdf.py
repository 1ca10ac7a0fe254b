"""A born-digital PDF: headings, prose and a table on every other page, the same bytes for the same seed."""

import random
from collections.abc import Iterator
from pathlib import Path

from bench import prose
from demo.handbook import pdf
from demo.handbook.blocks import Block, PageBreak, Table, Text

# Full A4 pages that do not run over.
PROSE_CHARACTERS, PROSE_CHARACTERS_BESIDE_TABLE = 2_400, 1_400


def write(path: Path, pages: int, seed: int) -> None:
    pdf.write(_blocks(pages, random.Random(seed)), path, "Annual report", "Pellwick Lamp Works")


def _blocks(pages: int, draw: random.Random) -> Iterator[Block]:
    sentences = prose.sentences()
    for page in range(1, pages + 1):
        yield Text("heading", f"{page}. {draw.choice(sentences)[:50]}")
        beside_table = page % 2 == 0
        yield from _paragraphs(sentences, PROSE_CHARACTERS_BESIDE_TABLE if beside_table else PROSE_CHARACTERS, draw)
        if beside_table:
            yield _table(page, draw)
        if page < pages:
            yield PageBreak()


def _paragraphs(sentences: list[str], characters: int, draw: random.Random) -> Iterator[Text]:
    while characters > 0:
        text = " ".join(draw.choices(sentences, k=4))[:characters]
        characters -= len(text)
        yield Text("paragraph", text)


def _table(page: int, draw: random.Random) -> Table:
    rows = [[f"Workshop {number}", *(str(draw.randint(100, 9_999)) for _ in range(3))] for number in range(1, 9)]
    return Table(f"Table {page}: Lenses ground", [["Workshop", "2024", "2025", "2026"], *rows])

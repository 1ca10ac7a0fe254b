"""Builds the handbook's PDF and DOCX from `source/`: `python -m demo.handbook.build` (needs `.[dev]`)."""

from datetime import datetime
from pathlib import Path

from demo.handbook import pdf, word
from demo.handbook.blocks import Block, parse

COMPANY = "Pellwick Lamp Works"
WRITTEN = datetime(2026, 9, 1, 9, 0)
FOLDER = Path(__file__).parent


def build(folder: Path) -> None:
    """Write both documents into `folder`, byte for byte the same on each run."""
    pdf.write(_source("travel-and-expenses"), folder / "travel-and-expenses.pdf", "Travel and expenses", COMPANY)
    word.write(_source("it-security"), folder / "it-security.docx", "IT security", COMPANY, WRITTEN)


def _source(name: str) -> list[Block]:
    return list(parse((FOLDER / "source" / f"{name}.md").read_text(encoding="utf-8")))


if __name__ == "__main__":
    build(FOLDER)

"""Every document of the golden set gives its text, or says why not; damaged copies of them never do worse."""

import random
from pathlib import Path

import pytest

from ingest.blocks import DocumentRejected, ParsedDocument
from ingest.limits import ParseLimits
from ingest.loaders import load

FOLDER = "unstructured-example-docs"

PHRASES = {
    "book-war-and-peace-1p.txt": "Genoa and Lucca are now just family estates",
    "category-level.docx": "Some years ago—never mind how long precisely",
    "codeblock.md": "<title>",
    "contains-pictures.docx": "An inline picture appears here",
    "docx-hdrftr.docx": "Main document",
    "docx-shapes.docx": "Paragraph with floating shape attached.",
    "docx-tables.docx": "Header Col 1 | Header Col 2\nLorem ipsum | A link example",
    "duplicate-paragraphs.docx": "This document contains duplicates",
    "example-10k-1p.html": "Title of each class | Trading symbol | Name of exchange on which registered",
    "example-steelJIS-datasheet-utf-16.html": "C | Si | Mn | P | S | Cr | Mo",
    "example-steelJIS-datasheet.html": "Chemical composition 成分",
    "example-with-scripts.html": "Russian Offensive Campaign Assessment, December 13",
    "fake-html-cp1252.html": "Der Preis betrug 15,50 €",
    "fake-html-lang-de.html": "Jahresabschluss zum Geschäftsjahr",
    "fake-html-with-base64-image.html": "Test page",
    "fake-html-with-duplicate-elements.html": "This is a span.",
    "fake-html.html": "Column 1 | Column 2\nRow 1, Cell 1 | Row 1, Cell 2",
    "fake-incomplete-json.txt": '"city": "New York"',
    "fake-text-utf-16-be.txt": "Hamburgers are delicious",
    "fake-text-utf-16-le.txt": "Hamburgers are delicious",
    "fake-text-utf-16.txt": "Hamburgers are delicious",
    "fake-text-utf-32.txt": "Hamburgers are delicious",
    "fake-text.txt": "I love fuzzy blankets",
    "fake.docx": "Lorem ipsum dolor sit amet.",
    "fake_table.docx": "Header Col 1 | Header Col 2",
    "handbook-1p.docx": "STATUTORY DUTIES OF A STANDING TRUSTEE",
    "hlink-meta.docx": "Two with link to bookmark.",
    "ideas-page.html": "January 2023",
    "norwich-city.txt": "Roberts celebrating after scoring a goal for Norwich City",
    "page-breaks.docx": "<<and then more text proceeds.",
    "rotated-page-90.pdf": "Rotated page fixture",
    "simple-table.md": "Item | Price | # In stock\nJuicy Apples | 1.99 | 739\nBananas | 1.89 | 6",
    "simple.docx": "These are a few of my favorite things:",
    "tables-with-incomplete-rows.docx": "a | b\nc | d",
    "teams_chat.docx": "James Bond",
    "umlauts-non-utf8.md": "äöüß",
    "umlauts-utf8.md": "äöüß",
    "language-docs/eng_spa_mult.docx": "Todos los seres humanos nacen libres",
    "language-docs/eng_spa_mult.html": "Todos los seres humanos nacen libres",
    "language-docs/eng_spa_mult.md": "Todos los seres humanos nacen libres",
    "language-docs/eng_spa_mult.txt": "Todos los seres humanos nacen libres",
    "pdf/all-number-table.pdf": "200.01 | 1\n400.01 | 3",
    "pdf/embedded-images-tables.pdf": "2 | 1.9460 | 0.0596 | 0.8276 | 0.0002 | 121.440 | 1.5054",
    "pdf/fake-memo.pdf": "There were 20,000 bottles of water",
    "pdf/header-test-doc.pdf": "Here is a lovely sentences.",
    "pdf/interface-config-guide-p93.pdf": "6.4 Internal PXC",
    "pdf/korean-text-with-tables.pdf": "전월 이용금액 기준",
    "pdf/layout-parser-paper-fast.pdf": "LayoutParser: A Unified Toolkit for Deep Learning",
    "pdf/list-item-example.pdf": "● What are product types?",
    "pdf/multi-column-2p.pdf": "relies on efficient passage retrieval to select candidate contexts",
    "pdf/negative-coords.pdf": "All questions raised in the course of the review were answered by Apple",
    "pdf/pdf-bad-color-space.pdf": "clean energy. Energy use contributes to a significant share",
    "pdf/reliance.pdf": "For an inclusive ecosystem",
}

REJECTIONS = {
    "empty.txt": "empty_document",
    "fake-text-all-whitespace.txt": "empty_document",
    "pdf/password.pdf": "encrypted_document",
    "pdf/single_table.pdf": "no_text",
    "pdf/table-multi-row-column-cells.pdf": "no_text",
}

DAMAGED = [
    "simple.docx",
    "docx-tables.docx",
    "pdf/fake-memo.pdf",
    "pdf/reliance.pdf",
    "example-10k-1p.html",
    "codeblock.md",
]
CODES = {
    "damaged_document",
    "encrypted_document",
    "empty_document",
    "no_text",
    "unsupported_type",
    "too_large_when_unpacked",
}


def read(data: bytes, filename: str) -> ParsedDocument:
    return load(data, filename, ParseLimits(), lambda done, total: None)


def tolerated(data: bytes, filename: str) -> None:
    try:
        assert read(data, filename).blocks
    except DocumentRejected as rejected:
        assert rejected.code in CODES


@pytest.mark.parametrize("name", sorted(PHRASES))
def test_document_gives_its_text(golden: Path, name: str) -> None:
    document = read((golden / FOLDER / name).read_bytes(), name)
    text = "\n\n".join(block.text for block in document.blocks)
    assert PHRASES[name] in text


@pytest.mark.parametrize("name", sorted(REJECTIONS))
def test_document_is_refused_with_the_right_code(golden: Path, name: str) -> None:
    with pytest.raises(DocumentRejected) as caught:
        read((golden / FOLDER / name).read_bytes(), name)
    assert caught.value.code == REJECTIONS[name]


def test_every_golden_document_is_read_or_refused(golden: Path) -> None:
    files = [path for path in (golden / FOLDER).rglob("*.*") if path.is_file()]
    assert len(files) > 60
    for path in files:
        name = str(path.relative_to(golden / FOLDER))
        if name not in REJECTIONS:
            assert read(path.read_bytes(), name).blocks, name


@pytest.mark.parametrize("name", DAMAGED)
def test_truncated_document_is_read_or_refused(golden: Path, name: str) -> None:
    data = (golden / FOLDER / name).read_bytes()
    for share in (0.02, 0.25, 0.5, 0.75, 0.98):
        tolerated(data[: int(len(data) * share)], name)


@pytest.mark.parametrize("name", DAMAGED)
def test_document_with_flipped_bytes_is_read_or_refused(golden: Path, name: str) -> None:
    chance = random.Random(name)
    original = (golden / FOLDER / name).read_bytes()
    for _ in range(8):
        data = bytearray(original)
        for _ in range(20):
            data[chance.randrange(len(data))] = chance.randrange(256)
        tolerated(bytes(data), name)


def test_naughty_strings_come_out_storable(golden: Path) -> None:
    for path in (golden / "naughty-strings").rglob("*.txt"):
        for block in read(path.read_bytes(), path.name).blocks:
            block.text.encode("utf-8")
            assert "\0" not in block.text

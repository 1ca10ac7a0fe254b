import io
import subprocess
import sys
import zipfile
from collections.abc import Callable

import docx
import openpyxl  # type: ignore[import-untyped]
import pptx
import pytest
from reportlab.pdfgen.canvas import Canvas

from ingest.blocks import Block, DocumentRejected, ParsedDocument
from ingest.limits import ParseLimits
from ingest.loaders import load
from ingest.loaders.detection import detect

LIMITS = ParseLimits()


def read(data: bytes, filename: str, limits: ParseLimits = LIMITS) -> ParsedDocument:
    return load(data, filename, limits, lambda done, total: None)


def texts(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in document.blocks]


def rejection(data: bytes, filename: str, limits: ParseLimits = LIMITS) -> DocumentRejected:
    with pytest.raises(DocumentRejected) as caught:
        read(data, filename, limits)
    assert caught.value.detail.endswith(".")
    return caught.value


def saved(save: Callable[[io.BytesIO], None]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def pdf(pages: int, draw: Callable[[Canvas, int], None]) -> bytes:
    def save(buffer: io.BytesIO) -> None:
        canvas = Canvas(buffer)
        for number in range(1, pages + 1):
            draw(canvas, number)
            canvas.showPage()
        canvas.save()

    return saved(save)


def workbook(rows: int, columns: int) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sales")
    for row in range(rows):
        sheet.append([row] * columns)
    return saved(book.save)


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "filename", "expected"),
    [
        (b"%PDF-1.7 ...", "letter.docx", "pdf"),
        (archive({"word/document.xml": b"<w/>"}), "letter.pdf", "docx"),
        (b"<!DOCTYPE html><p>x", "page.pdf", "html"),
        (b"<HTML><p>x", "page.txt", "html"),
        (b"# Title", "notes.MD", "md"),
        (b"a,b\n1,2", "table.csv", "csv"),
        (b"plain", "README", "txt"),
        ("w\u00eddth".encode("utf-16-le"), "wide.txt", "txt"),
    ],
)
def test_content_decides_before_the_name(data: bytes, filename: str, expected: str) -> None:
    assert detect(data, filename) == expected


@pytest.mark.parametrize(
    ("data", "filename", "code"),
    [
        (b"", "a.txt", "empty_document"),
        (b" \n\t\n ", "a.txt", "empty_document"),
        (b"\0\0\0\0", "a.txt", "unsupported_type"),
        (b"MZ\x90\0program", "invoice.pdf", "unsupported_type"),
        (b"\x89PNG\r\n\x1a\n", "a.md", "unsupported_type"),
        (b"just words", "a.pdf", "unsupported_type"),
        (archive({"a.txt": b"x"}), "a.docx", "unsupported_type"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "a.xlsx",
            "encrypted_document",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"WordDocument", "a.doc", "unsupported_type"),
        (b"%PDF-1.4\nnothing else", "a.pdf", "damaged_document"),
        (b"PK\x03\x04 and then nothing", "a.docx", "damaged_document"),
        (archive({"word/document.xml": b"<not closed"}), "a.docx", "damaged_document"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_code(data: bytes, filename: str, code: str) -> None:
    assert rejection(data, filename).code == code


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp1252"],
)
def test_text_of_any_encoding_is_decoded(encoding: str) -> None:
    document = read("Die schöne Straße, 15,50 €".encode(encoding), "a.txt")
    assert texts(document) == [("paragraph", "Die schöne Straße, 15,50 €")]


def test_html_charset_declaration_is_obeyed() -> None:
    page = '<html><head><meta charset="iso-8859-7"></head><p>Καλημέρα</p>'.encode("iso-8859-7")
    assert texts(read(page, "a.html")) == [("paragraph", "Καλημέρα")]


def test_nul_and_lone_surrogates_never_come_out() -> None:
    html = b"<p>a&#xD800;b</p><p>c\0d</p>"
    joined = "".join(text for _, text in texts(read(html, "a.html")) + texts(read(b"long enough text\0x", "a.txt")))
    assert "\0" not in joined
    joined.encode("utf-8")


def test_html_reads_as_its_reader_sees_it() -> None:
    page = b"""<html><head><title>T</title><style>p{}</style></head><body><h1>Big <em>news</em></h1>
        <script>var x = "<p>no</p>";</script><p>One<br>two   three</p>
        <ul><li>first<ul><li><p>inner</p></li></ul></ul>
        <pre>  keep\n   this</pre></body></html>"""
    assert texts(read(page, "a.html")) == [
        ("heading", "Big news"),
        ("paragraph", "One\ntwo three"),
        ("list_item", "first"),
        ("list_item", "inner"),
        ("code", "  keep\n   this"),
    ]


def test_html_table_keeps_its_columns_under_spans() -> None:
    page = (
        b"<table><tr><th rowspan=2>Item</th><th colspan=2>Price</th></tr><tr><td>net</td><td>gross</td></tr>"
        b"<tr><td>Pen</td><td>$</td><td>2</td></tr></table>"
    )
    assert texts(read(page, "a.html")) == [("table", "Item | Price\n | net | gross\nPen |  | $2")]


def test_layout_table_gives_its_contents() -> None:
    page = b"<table><tr><td><h2>Menu</h2></td><td><p>Body</p><table><tr><td>a<td>b</table></td></tr></table>"
    assert texts(read(page, "a.html")) == [("heading", "Menu"), ("paragraph", "Body"), ("table", "a | b")]


@pytest.mark.parametrize("tag", ["div", "ul><li", "table><tr><td", "b", "blockquote", "script"])
def test_html_nested_100_000_deep_is_read(tag: str) -> None:
    document = read(f"<html><p>before</p>{f'<{tag}>' * 100_000}deep".encode(), "a.html")
    assert document.blocks[0].text == "before"


def test_markdown_structure_survives() -> None:
    source = b"---\ntitle: x\n---\n# A\n\ntext **bold** `code`\n\n- one\n- two\n\nh | i\n---|---\n1 | 2\n"
    assert texts(read(source, "a.md")) == [
        ("heading", "A"),
        ("paragraph", "text bold code"),
        ("list_item", "one"),
        ("list_item", "two"),
        ("table", "h | i\n1 | 2"),
    ]


def test_docx_headings_have_levels() -> None:
    word = docx.Document()
    word.add_heading("Chapter", 1)
    word.add_heading("Section", 2)
    word.add_paragraph("The text of the section stands here.")
    blocks = read(saved(word.save), "a.docx").blocks
    assert [(block.kind, block.level, block.text) for block in blocks][:2] == [
        ("heading", 1, "Chapter"),
        ("heading", 2, "Section"),
    ]


def test_pptx_pages_are_slides_with_tables_and_notes() -> None:
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "First"
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(1, 2, 0, 0, 9999, 9999).table
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    slide.notes_slide.notes_text_frame.text = "Say it slowly."
    document = read(saved(deck.save), "a.pptx")
    assert document.pages == 2
    assert Block("heading", "First", level=1, page=1) in document.blocks
    assert Block("table", "left | right", page=2) in document.blocks
    assert any("Say it slowly." in block.text for block in document.blocks)


def test_xlsx_sheets_are_pages_under_their_names() -> None:
    document = read(workbook(rows=3, columns=2), "a.xlsx")
    assert document.blocks == (
        Block("heading", "Sales", level=1, page=1),
        Block("table", "0 | 0\n1 | 1\n2 | 2", page=1),
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_one_table(delimiter: str) -> None:
    data = "\n".join(delimiter.join(row) for row in (["name", "age"], ["Ann", "3"], ["Bob", "4"])).encode()
    assert texts(read(data, "a.csv")) == [("table", "name | age\nAnn | 3\nBob | 4")]


def test_email_attachments_are_never_opened() -> None:
    message = (
        b"From: a@x.org\nTo: b@x.org\nSubject: Late parcel\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/mixed; boundary=X\n\n--X\nContent-Type: text/plain\n\nIt is late again.\n\n"
        b"--X\nContent-Type: text/plain\nContent-Disposition: attachment; filename=../../s.txt"
        b"\n\nATTACHED\n--X--\n"
    )
    found = texts(read(message, "a.eml"))
    assert found[0] == ("heading", "Late parcel")
    assert ("paragraph", "It is late again.") in found
    assert not any("ATTACHED" in text for _, text in found)


def test_pdf_headings_tables_and_running_headers() -> None:
    def draw(canvas: Canvas, number: int) -> None:
        canvas.setFont("Helvetica", 9)
        canvas.drawString(50, 820, f"Acme report {number}")
        canvas.setFont("Helvetica", 18)
        canvas.drawString(50, 780, f"Chapter {'ABCD'[number - 1]}")
        canvas.setFont("Helvetica", 10)
        canvas.drawString(50, 750, "The first line of a paragraph that is broken af-")
        canvas.drawString(50, 738, "ter a syllable.")
        for row, cells in enumerate(
            [("Item", "Net", "Gross"), ("Pens", f"1.0{number}", "1.19"), ("Ink", f"2.0{number}", "2.38")]
        ):
            for column, cell in enumerate(cells):
                canvas.drawString(50 + 150 * column, 700 - 14 * row, cell)

    document = read(pdf(4, draw), "a.pdf")
    assert document.pages == 4
    assert [block for block in document.blocks if block.page == 2] == [
        Block("heading", "Chapter B", level=1, page=2),
        Block("paragraph", "The first line of a paragraph that is broken after a syllable.", page=2),
        Block("table", "Item | Net | Gross\nPens | 1.02 | 1.19\nInk | 2.02 | 2.38", page=2),
    ]


def test_pdf_of_the_limit_is_read_and_one_page_more_is_refused() -> None:
    limits = ParseLimits(pages=20)
    seen: list[tuple[int, int | None]] = []
    exact = pdf(20, lambda canvas, number: canvas.drawString(50, 700, f"Page number {number}"))
    document = load(exact, "a.pdf", limits, lambda done, total: seen.append((done, total)))
    assert document.pages == 20
    assert seen == [(done, 20) for done in range(1, 21)]
    over = pdf(21, lambda canvas, number: canvas.drawString(50, 700, "x"))
    assert rejection(over, "a.pdf", limits).code == "too_many_pages"


def test_pdf_of_2_001_pages_is_refused() -> None:
    assert rejection(pdf(2_001, lambda canvas, number: None), "a.pdf").code == "too_many_pages"


def test_pdf_without_text_layer_asks_for_ocr() -> None:
    error = rejection(pdf(1, lambda canvas, number: canvas.rect(10, 10, 50, 50)), "a.pdf")
    assert error.code == "no_text"
    assert "OCR" in error.detail


def test_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = archive({"word/document.xml": b"<w>" + b" " * 50_000_000 + b"</w>"})
    assert len(bomb) < 100_000
    assert rejection(bomb, "a.docx").code == "too_large_when_unpacked"


def test_xml_entities_are_refused() -> None:
    xml = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY l "&lol;&lol;">]><w>&l;</w>'
    assert rejection(archive({"word/document.xml": xml}), "a.docx").code == "damaged_document"


def test_million_cells_are_refused_uncounted_by_the_reader() -> None:
    row = b"<row>" + b"<c><v>1</v></c>" * 1000 + b"</row>"
    sheet = b"<worksheet><sheetData>" + row * 1000 + b"</sheetData></worksheet>"
    # Stored, not deflated: the ratio of a bomb must not be what refuses it.
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("xl/workbook.xml", "<workbook/>")
        target.writestr("xl/worksheets/sheet1.xml", sheet)
    assert rejection(buffer.getvalue(), "a.xlsx").code == "too_many_cells"
    assert rejection(b"a,b,c,d\n" * 60_000, "a.csv").code == "too_many_cells"


def test_cells_are_counted_exactly_to_the_limit() -> None:
    data = workbook(rows=40, columns=50)
    assert read(data, "a.xlsx", ParseLimits(table_cells=2_000)).pages == 1
    assert rejection(data, "a.xlsx", ParseLimits(table_cells=1_999)).code == "too_many_cells"


def test_text_beyond_the_limit_is_refused() -> None:
    limits = ParseLimits(text_characters=1_000)
    assert read(b"x" * 1_000, "a.txt", limits).blocks[0].text == "x" * 1_000
    assert rejection(b"x" * 1_001, "a.txt", limits).code == "too_much_text"


def test_language_model_is_loaded_without_network() -> None:
    probe = """
import socket
def refuse(*args, **kwargs): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
import ingest.loaders.offline_unstructured as offline
from unstructured.nlp import tokenize
tokenize._install_spacy_model = refuse
offline.load_language_model()
print(tokenize.sent_tokenize("It rains. We stay."))
"""
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "['It rains.', 'We stay.']", run.stderr

"""Writes blocks as a Word document with real heading styles, tables and page breaks."""

import io
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from docx import Document
from docx.document import Document as WordDocument
from docx.enum.text import WD_BREAK, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Length, Mm, Pt, RGBColor
from docx.styles.style import ParagraphStyle
from docx.table import _Cell
from docx.text.run import Run

from demo.handbook.blocks import Block, PageBreak, Table, Text

INK, NAVY, WHITE = RGBColor(0x22, 0x28, 0x31), RGBColor(0x17, 0x35, 0x5C), RGBColor(0xFF, 0xFF, 0xFF)
MARGIN = Mm(25)
TEXT_WIDTH = Mm(210 - 2 * 25)
STYLES = {
    "title": "Title",
    "heading": "Heading 1",
    "subheading": "Heading 2",
    "paragraph": "Normal",
    "bullet": "List Bullet",
}


def write(source: Iterable[Block], path: Path, title: str, company: str, written: datetime) -> None:
    """Write the same bytes for the same blocks: its dates are fixed, inside and in the archive."""
    document = Document()
    _set_page(document)
    _set_styles(document)
    _set_footer(document, f"{company} · {title}")
    _set_properties(document, title, company, written)
    page_began = False
    for block in source:
        match block:
            case PageBreak():
                document.add_paragraph(style="No Spacing").add_run().add_break(WD_BREAK.PAGE)
            case Table():
                _add_table(document, block)
            case Text(kind, text):
                run = document.add_paragraph(style=STYLES[kind]).add_run(text)
                if page_began:  # Word notes where a page began, and readers count these notes
                    run._r.insert(0, OxmlElement("w:lastRenderedPageBreak"))
        page_began = isinstance(block, PageBreak)
    _save(document, path)


def _set_page(document: WordDocument) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = MARGIN


def _set_styles(document: WordDocument) -> None:
    _set_style(document, "Normal", size=10.5, before=0, after=7)
    _set_style(document, "No Spacing", size=1, before=0, after=0)
    _set_style(document, "Title", size=26, before=0, after=14, heading=True)
    _set_style(document, "Heading 1", size=16, before=14, after=8, heading=True)
    _set_style(document, "Heading 2", size=12, before=8, after=4, heading=True)
    _set_style(document, "Caption", size=9.5, before=6, after=4, heading=True)
    for language in document.styles.element.xpath("//w:rPrDefault//w:lang"):
        language.set(qn("w:val"), "en-GB")


def _set_style(
    document: WordDocument, name: str, *, size: float, before: float, after: float, heading: bool = False
) -> None:
    style = document.styles[name]
    assert isinstance(style, ParagraphStyle)
    style.font.name, style.font.size = "Arial", Pt(size)
    style.font.color.rgb = NAVY if heading else INK
    if heading:
        style.font.bold = True
    fonts = style.element.rPr.rFonts
    for theme_font in [key for key in fonts.attrib if key.endswith("Theme")]:  # these would win over the name
        del fonts.attrib[theme_font]
    style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
    style.paragraph_format.line_spacing = 1.2


def _set_footer(document: WordDocument, text: str) -> None:
    footer = document.sections[0].footer.paragraphs[0]
    footer.paragraph_format.tab_stops.clear_all()
    footer.paragraph_format.tab_stops.add_tab_stop(TEXT_WIDTH, WD_TAB_ALIGNMENT.RIGHT)
    for run in (footer.add_run(f"{text}\tPage "), _page_number(footer.add_run())):
        run.font.size, run.font.color.rgb = Pt(8.5), NAVY


def _page_number(run: Run) -> Run:
    for tag, attribute, value in (
        ("w:fldChar", "w:fldCharType", "begin"),
        ("w:instrText", "xml:space", "preserve"),
        ("w:fldChar", "w:fldCharType", "end"),
    ):
        element = OxmlElement(tag)
        element.set(qn(attribute), value)
        if tag == "w:instrText":
            element.text = "PAGE"
        run._r.append(element)
    return run


def _set_properties(document: WordDocument, title: str, company: str, written: datetime) -> None:
    properties = document.core_properties
    properties.title, properties.author, properties.last_modified_by = title, company, company
    properties.created = properties.modified = written
    properties.comments, properties.language = "", "en-GB"


def _add_table(document: WordDocument, table: Table) -> None:
    document.add_paragraph(table.caption, style="Caption").paragraph_format.keep_with_next = True
    shares = table.column_shares()
    grid = document.add_table(len(table.rows), len(shares), style="Medium Shading 1 Accent 1")
    grid.autofit = False
    for texts, row in zip(table.rows, grid.rows, strict=True):
        for text, share, cell in zip(texts, shares, row.cells, strict=True):
            cell.width = Length(int(share * TEXT_WIDTH))
            _fill(cell, text)
    header = grid.rows[0]
    header._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    for cell in header.cells:
        cell.paragraphs[0].runs[0].font.color.rgb = WHITE
    for column, share in zip(grid.columns, shares, strict=True):
        column.width = Length(int(share * TEXT_WIDTH))
    document.add_paragraph(style="No Spacing").paragraph_format.space_after = Pt(8)


def _fill(cell: _Cell, text: str) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.add_run(text).font.size = Pt(9.5)
    paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(2)


def _save(document: WordDocument, path: Path) -> None:
    saved = io.BytesIO()
    document.save(saved)
    with zipfile.ZipFile(saved) as parts, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in parts.namelist():
            archive.writestr(zipfile.ZipInfo(name), parts.read(name), zipfile.ZIP_DEFLATED)

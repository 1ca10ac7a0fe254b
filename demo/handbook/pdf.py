"""Draws blocks as a PDF of A4 pages."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    KeepTogether,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Table as Grid

from demo.handbook import blocks

INK, NAVY, AMBER = HexColor("#222831"), HexColor("#17355c"), HexColor("#d8922b")
SHADE, RULE = HexColor("#f3f5f9"), HexColor("#c3cbd8")
MARGIN = 25 * mm
FRAME_PADDING = 6  # points that reportlab adds inside the margins
TEXT_WIDTH = A4[0] - 2 * MARGIN

body = ParagraphStyle("paragraph", fontName="Helvetica", fontSize=10.5, leading=15.5, textColor=INK, spaceAfter=7)
bold = ParagraphStyle("bold", body, fontName="Helvetica-Bold", textColor=NAVY, keepWithNext=1)
cell = ParagraphStyle("cell", body, fontSize=9.5, leading=12.5, spaceAfter=0)
STYLES = {
    "title": ParagraphStyle("title", bold, fontSize=26, leading=32, spaceAfter=14),
    "heading": ParagraphStyle("heading", bold, fontSize=16, leading=20, spaceBefore=14, spaceAfter=8),
    "subheading": ParagraphStyle("subheading", bold, fontSize=12, leading=16, spaceBefore=7, spaceAfter=4),
    "paragraph": body,
    "bullet": ParagraphStyle("bullet", body, leftIndent=14, bulletIndent=3, spaceAfter=4),
    "caption": ParagraphStyle("caption", bold, fontSize=9.5, leading=13, spaceBefore=5, spaceAfter=5),
    "header": ParagraphStyle("header", cell, fontName="Helvetica-Bold", textColor=white),
    "cell": cell,
}
GRID = TableStyle(
    [
        ("BACKGROUND", (0, 0), (-1, 0), NAVY),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, SHADE]),
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, RULE),
        ("BOX", (0, 0), (-1, -1), 0.5, RULE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
    ]
)


def write(source: Iterable[blocks.Block], path: Path, title: str, company: str) -> None:
    """Write the same bytes for the same blocks: fixed dates and ids, and no compression, which varies."""
    template = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=MARGIN - FRAME_PADDING,
        rightMargin=MARGIN - FRAME_PADDING,
        topMargin=24 * mm,
        bottomMargin=26 * mm,
        title=title,
        author=company,
        lang="en-GB",
        invariant=1,
        pageCompression=0,
    )
    frame = partial(_draw_frame, title=title, company=company)
    template.build([_flowable(block) for block in source], onFirstPage=frame, onLaterPages=frame)


def _flowable(block: blocks.Block) -> Flowable:
    match block:
        case blocks.PageBreak():
            return PageBreak()
        case blocks.Table():
            return _table(block)
        case blocks.Text(kind, text):
            return Paragraph(escape(text), STYLES[kind], bulletText="•" if kind == "bullet" else None)


def _table(table: blocks.Table) -> Flowable:
    header, *rows = table.rows
    grid = Grid(
        [_row(header, "header"), *(_row(row, "cell") for row in rows)],
        colWidths=[share * TEXT_WIDTH for share in table.column_shares()],
        style=GRID,
        repeatRows=1,
    )
    return KeepTogether([Paragraph(escape(table.caption), STYLES["caption"]), grid, Spacer(0, 12)])


def _row(cells: list[str], style: str) -> list[Flowable]:
    return [Paragraph(escape(text), STYLES[style]) for text in cells]


def _draw_frame(canvas: Canvas, template: SimpleDocTemplate, *, title: str, company: str) -> None:
    left, right = MARGIN, A4[0] - MARGIN
    canvas.setFillColor(AMBER)
    canvas.rect(left, A4[1] - 18 * mm, 16 * mm, 1.2 * mm, stroke=0, fill=1)
    canvas.setStrokeColor(RULE)
    canvas.line(left, 18 * mm, right, 18 * mm)
    canvas.setFillColor(NAVY)
    canvas.setFont("Helvetica", 8.5)
    canvas.drawString(left, 13 * mm, f"{company} · {title}")
    canvas.drawRightString(right, 13 * mm, f"Page {template.page}")

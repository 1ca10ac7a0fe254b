"""Word, PowerPoint, Excel, CSV and e-mail, read by unstructured."""

import csv
import io

from ingest.blocks import Block, ParsedDocument
from ingest.limits import ParseLimits
from ingest.loaders.archives import check_archive, check_cells, refuse_cells
from ingest.loaders.decoding import decode
from ingest.loaders.elements import blocks_of
from ingest.loaders.offline_unstructured import (
    partition_csv,
    partition_docx,
    partition_email,
    partition_pptx,
    partition_xlsx,
)
from ingest.loaders.progress import Progress

# An empty code switches off the guessing of languages, which is slow and not repeatable.
_NO_LANGUAGES = [""]


def load_docx(data: bytes, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """Pages are those that Word last laid out, where the file records them."""
    check_archive(data, limits)
    elements = partition_docx(file=io.BytesIO(data), languages=_NO_LANGUAGES)
    blocks = tuple(blocks_of(elements, title_level=1))
    return ParsedDocument(blocks, pages=max((block.page or 0 for block in blocks), default=0) or None)


def load_pptx(data: bytes, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """A page is a slide; its notes are read too."""
    check_archive(data, limits)
    elements = partition_pptx(file=io.BytesIO(data), include_slide_notes=True, languages=_NO_LANGUAGES)
    blocks = tuple(blocks_of(elements, title_level=1, nested_titles=False))
    return ParsedDocument(blocks, pages=max((block.page or 0 for block in blocks), default=0) or None)


def load_xlsx(data: bytes, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """A page is a sheet; its name is a heading."""
    check_archive(data, limits)
    check_cells(data, limits)
    elements = partition_xlsx(file=io.BytesIO(data), languages=_NO_LANGUAGES)
    blocks: list[Block] = []
    sheet = None
    for element in elements:
        if element.metadata.page_name != sheet:
            sheet = element.metadata.page_name
            blocks.append(Block("heading", str(sheet), level=1, page=element.metadata.page_number))
        blocks.extend(blocks_of([element], title_level=2))
    return ParsedDocument(tuple(blocks), pages=max((block.page or 0 for block in blocks), default=0) or None)


def load_csv(data: bytes, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """One table; the delimiter is guessed."""
    text = decode(data)
    cells = text.count("\n") + sum(text.count(delimiter) for delimiter in ",;\t")
    refuse_cells(cells, limits)
    if not _has_columns(text):
        return ParsedDocument((Block("table", text),))
    elements = partition_csv(file=io.BytesIO(text.encode("utf-8", errors="replace")), languages=_NO_LANGUAGES)
    return ParsedDocument(tuple(blocks_of(elements, title_level=1)))


def load_eml(data: bytes, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """Subject, sender, recipients and body; attachments are never opened (CVE-2025-64712)."""
    elements = partition_email(file=io.BytesIO(data), process_attachments=False, languages=_NO_LANGUAGES)
    if not elements:
        return ParsedDocument(())
    metadata = elements[0].metadata
    parties = [("From", metadata.sent_from), ("To", metadata.sent_to)]
    blocks = [Block("heading", metadata.subject, level=1)] if metadata.subject else []
    header = "\n".join(f"{name}: {', '.join(addresses)}" for name, addresses in parties if addresses)
    if header:
        blocks.append(Block("paragraph", header))
    blocks.extend(blocks_of(elements, title_level=2, nested_titles=False))
    return ParsedDocument(tuple(blocks))


def _has_columns(text: str) -> bool:
    try:
        csv.Sniffer().sniff(text[:4096], delimiters=",;\t|")
    except csv.Error:
        return False
    return True

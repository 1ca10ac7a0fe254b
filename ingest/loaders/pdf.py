"""PDF with a text layer."""

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ingest.blocks import DocumentRejected, ParsedDocument
from ingest.limits import ParseLimits
from ingest.loaders.pdf_blocks import blocks_of
from ingest.loaders.pdf_lines import Line, read_lines
from ingest.loaders.progress import Progress


def load_pdf(data: bytes, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """Reads every page; reports progress after each."""
    with _open(data) as document:
        total = len(document)
        if total > limits.pages:
            raise DocumentRejected(
                "too_many_pages", f"The PDF has {total} pages; split it into parts of at most {limits.pages}."
            )
        pages: list[list[Line]] = []
        characters = 0
        for index in range(total):
            page = document[index]
            pages.append(read_lines(page, index + 1))
            page.close()
            characters += sum(len(line.text) for line in pages[-1])
            if characters > limits.text_characters:
                raise DocumentRejected(
                    "too_much_text", f"The PDF holds more than {limits.text_characters} characters; split it."
                )
            progress(index + 1, total)
    if not characters:
        raise DocumentRejected(
            "no_text", "The PDF has no text layer, it is probably a scan; run OCR on it and upload it again."
        )
    return ParsedDocument(tuple(blocks_of(pages)), pages=total)


def _open(data: bytes) -> pdfium.PdfDocument:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as exc:
        if exc.err_code == pdfium_c.FPDF_ERR_PASSWORD:
            raise DocumentRejected(
                "encrypted_document",
                "The PDF is protected by a password; remove it and upload the PDF again.",
            ) from exc
        raise DocumentRejected(
            "damaged_document", "The PDF is damaged or incomplete; export it again and upload the new file."
        ) from exc
    if len(document) == 0:
        raise DocumentRejected("damaged_document", "The PDF has no pages; export it again and upload it.")
    return document

"""What a file is: by its content first, by its name second."""

from pathlib import PurePath

from ingest.blocks import DocumentRejected
from ingest.loaders.archives import open_archive
from ingest.loaders.decoding import decode, looks_binary

_OFFICE_PARTS = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx", "ppt/presentation.xml": "pptx"}
_TEXT_FORMATS = {
    ".md": "md",
    ".markdown": "md",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".csv": "csv",
    ".tsv": "csv",
    ".eml": "eml",
}
_BINARY_SUFFIXES = {
    ".pdf",
    ".docx",
    ".xlsx",
    ".pptx",
    ".doc",
    ".xls",
    ".ppt",
    ".odt",
    ".rtf",
    ".msg",
    ".epub",
}
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_BINARY_MAGIC = (
    b"MZ",
    b"\x7fELF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x1f\x8b",
    b"7z\xbc\xaf",
    b"Rar!",
    b"BZh",
    b"\xfd7zXZ",
    b"{\\rtf",
    b"SQLite format 3",
)
_PDF_HEADER_WITHIN = 1024
_FORMATS = "PDF, Word (.docx), PowerPoint (.pptx), Excel (.xlsx), CSV, HTML, Markdown, e-mail (.eml) or plain text"


def detect(data: bytes, filename: str) -> str:
    """The format: txt, md, html, csv, eml, docx, pptx, xlsx or pdf.

    Raises DocumentRejected: empty_document, encrypted_document, damaged_document or unsupported_type.
    """
    if not data:
        raise DocumentRejected("empty_document", "The file is empty; upload one that has content.")
    if b"%PDF-" in data[:_PDF_HEADER_WITHIN]:
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _office_format(data)
    if data.startswith(_COMPOUND_FILE):
        _refuse_compound_file(data)
    if data.startswith(_BINARY_MAGIC) or looks_binary(data):
        raise _unsupported()
    return _text_format(data, PurePath(filename).suffix.lower())


def _office_format(data: bytes) -> str:
    with open_archive(data) as archive:
        names = set(archive.namelist())
    for part, media_format in _OFFICE_PARTS.items():
        if part in names:
            return media_format
    raise _unsupported()


def _refuse_compound_file(data: bytes) -> None:
    if _ENCRYPTED_PACKAGE in data:
        raise DocumentRejected(
            "encrypted_document", "The file is protected by a password; remove it and upload the file again."
        )
    raise DocumentRejected(
        "unsupported_type",
        "The file is in an old Office format; save it as .docx, .xlsx or .pptx and upload that.",
    )


def _text_format(data: bytes, suffix: str) -> str:
    head = decode(data[:1024]).lstrip("\ufeff \t\r\n").lower()
    is_html = head.startswith(("<!doctype html", "<html"))
    if suffix in _BINARY_SUFFIXES and not is_html:
        raise DocumentRejected(
            "unsupported_type",
            f"The content is not what the ending {suffix} promises; upload the original file or rename it.",
        )
    return "html" if is_html and suffix not in {".md", ".eml"} else _TEXT_FORMATS.get(suffix, "txt")


def _unsupported() -> DocumentRejected:
    return DocumentRejected("unsupported_type", f"This kind of file cannot be read; convert it to {_FORMATS}.")

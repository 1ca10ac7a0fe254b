"""Looks into the zip of an Office document before any library opens it."""

import io
import re
import zipfile

from ingest.blocks import DocumentRejected
from ingest.limits import ParseLimits

_MEMBERS = 10_000
_RATIO = 200
_RATIO_MATTERS_ABOVE = 4 * 1024 * 1024
_READ_BYTES = 256 * 1024
_ENCRYPTED = 0x1
_CELL = re.compile(rb"<(?:\w{1,20}:)?c[ />]")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)


def open_archive(data: bytes) -> zipfile.ZipFile:
    """The zip; a DocumentRejected if its directory cannot be read."""
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError) as exc:
        raise DocumentRejected(
            "damaged_document", "The file is damaged or incomplete; save it again and upload the new file."
        ) from exc


def check_archive(data: bytes, limits: ParseLimits) -> None:
    """Refuses encrypted members, zip bombs and XML with a document type (Office never writes one)."""
    with open_archive(data) as archive:
        members = archive.infolist()
        if any(member.flag_bits & _ENCRYPTED for member in members):
            raise DocumentRejected(
                "encrypted_document",
                "The file is protected by a password; remove it and upload the file again.",
            )
        unpacked = sum(member.file_size for member in members)
        if len(members) > _MEMBERS or unpacked > limits.unpacked_bytes or any(map(_is_bomb, members)):
            raise DocumentRejected(
                "too_large_when_unpacked",
                "The file is far larger inside than outside; remove embedded media or split it into parts.",
            )
        for member in members:
            if member.filename.lower().endswith((".xml", ".rels")):
                _refuse_document_type(archive, member)


def check_cells(data: bytes, limits: ParseLimits) -> None:
    """Counts the cells of a workbook in a stream, because opening it costs a kilobyte per cell."""
    cells = 0
    with open_archive(data) as archive:
        for member in archive.infolist():
            if not _SHEET.fullmatch(member.filename):
                continue
            with archive.open(member) as sheet:
                rest = b""
                while part := sheet.read(_READ_BYTES):
                    seen = rest + part
                    cells += len(_CELL.findall(seen))
                    # Keeps an opening that the next part completes, never one that was counted.
                    rest = seen[seen.rfind(b"<") :] if seen.rfind(b"<") > seen.rfind(b">") else b""
                    rest = b"" if _CELL.match(rest) else rest[:_READ_BYTES]
                    refuse_cells(cells, limits)


def refuse_cells(cells: int, limits: ParseLimits) -> None:
    """Raises too_many_cells beyond the limit."""
    if cells > limits.table_cells:
        raise DocumentRejected(
            "too_many_cells",
            f"The tables have more than {limits.table_cells} cells; split the file into parts.",
        )


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    ratio = member.file_size / max(member.compress_size, 1)
    return member.file_size > _RATIO_MATTERS_ABOVE and ratio > _RATIO


def _refuse_document_type(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as stream:
        head = stream.read(4096).replace(b"\0", b"").upper()
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise DocumentRejected(
            "damaged_document", "The file holds XML that Office never writes; save it again from Office."
        )

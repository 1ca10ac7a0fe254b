"""Plain text: blank lines separate paragraphs."""

import re

from ingest.blocks import Block, ParsedDocument
from ingest.limits import ParseLimits
from ingest.loaders.decoding import decode
from ingest.loaders.progress import Progress

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_LIST_ITEM = re.compile(r"[^\S\n]*(?:[-*•·+]|\(?\d{1,3}[.)])\s+\S")
_BEFORE_LIST_ITEM = re.compile(rf"\n(?={_LIST_ITEM.pattern})")


def load_text(data: bytes, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """Paragraphs and list items, line breaks kept."""
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    return ParsedDocument(
        tuple(
            Block("list_item" if _LIST_ITEM.match(part) else "paragraph", part.strip())
            for paragraph in _BLANK_LINES.split(text)
            for part in _BEFORE_LIST_ITEM.split(paragraph)
        )
    )

"""Cuts a parsed document into chunks along its structure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingest.blocks import Block, BlockKind, ParsedDocument
from ingest.sentences import sentence_spans
from retrieval.chunks import NewChunk

# MiniLM reads 256 word pieces: about 1,000 characters of English with room for the headings.
CHUNK_CHARACTERS = 900
# Tables stay whole up to this; the lexical index reads what lies beyond the model's 256 word pieces.
TABLE_CHARACTERS = 1_800
# A chunk below this share of the size joins its neighbour of the same section.
_SMALL = 0.25
_HEADINGS_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class ChunkedDocument:
    """The document's text and its chunks: in order, without overlap, every character but spaces in one."""

    text: str
    chunks: tuple[NewChunk, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A span that is not cut again; opens: whether a section or a cut table's next part begins here."""

    start: int
    end: int
    headings: tuple[str, ...]
    page: int | None
    opens: bool = False
    kind: BlockKind = "paragraph"


def chunk(
    document: ParsedDocument,
    size: int = CHUNK_CHARACTERS,
    table_size: int = TABLE_CHARACTERS,
) -> ChunkedDocument:
    """Chunks of at most size characters (a whole table: table_size), never cut inside a sentence that fits.

    A heading opens a chunk; neighbours of one section are packed together.
    """
    text, spans = _lay_out(document.blocks)
    chunks: list[NewChunk] = []
    for pieces in _packed(list(_pieces(text, spans, size, table_size)), size, table_size):
        start, end = _trimmed(text, pieces[0].start, pieces[-1].end)
        if start == end:
            continue
        pages = [piece.page for piece in pieces if piece.page is not None]
        chunks.append(
            NewChunk(
                ordinal=len(chunks),
                start=start,
                end=end,
                text=text[start:end],
                headings=pieces[-1].headings,
                page_start=min(pages, default=None),
                page_end=max(pages, default=None),
            )
        )
    return ChunkedDocument(text, tuple(chunks))


def _lay_out(blocks: tuple[Block, ...]) -> tuple[str, list[tuple[Block, int, int]]]:
    """The document as one text, and where each block lies in it."""
    parts: list[str] = []
    spans: list[tuple[Block, int, int]] = []
    position = 0
    for index, block in enumerate(blocks):
        if index:
            together = block.kind == blocks[index - 1].kind == "list_item"
            parts.append("\n" if together else "\n\n")
            position += len(parts[-1])
        spans.append((block, position, position + len(block.text)))
        parts.append(block.text)
        position += len(block.text)
    return "".join(parts), spans


def _pieces(text: str, spans: list[tuple[Block, int, int]], size: int, table_size: int) -> Iterator[_Piece]:
    path: list[tuple[int, str]] = []
    for block, start, end in spans:
        if block.kind == "heading":
            path = [(level, title) for level, title in path if level < block.level]
            path.append((block.level, " ".join(block.text.split())))
        headings = tuple(title for _, title in path)
        whole = _Piece(start, end, headings, block.page, block.kind == "heading", block.kind)
        if end - start <= (table_size if block.kind == "table" else size):
            yield whole
        elif block.kind == "table":
            yield from _table_parts(text, whole, size)
        else:
            for begin, stop in sentence_spans(text, start, end, size):
                yield replace(whole, start=begin, end=stop, opens=whole.opens and begin == start)


def _table_parts(text: str, table: _Piece, size: int) -> Iterator[_Piece]:
    """Rows packed to size; the parts after the first carry the header row among their headings."""
    header_end = text.find("\n", table.start, table.end)
    header = text[table.start : header_end if header_end > 0 else table.end][:_HEADINGS_CHARACTERS]
    part = replace(table, end=table.start)
    for begin, stop in _row_spans(text, table, size):
        if stop - part.start > size and part.end > part.start:
            yield part
            part = replace(table, start=begin, headings=(*table.headings, header), opens=True)
        part = replace(part, end=stop)
    yield part


def _row_spans(text: str, table: _Piece, size: int) -> Iterator[tuple[int, int]]:
    start = table.start
    while start < table.end:
        newline = text.find("\n", start, table.end)
        end = newline + 1 if newline >= 0 else table.end
        yield from sentence_spans(text, start, end, size)
        start = end


def _packed(pieces: list[_Piece], size: int, table_size: int) -> list[list[_Piece]]:
    """Groups of adjoining pieces of one section that fit together, headings with what follows them."""
    groups: list[list[_Piece]] = []
    for piece in pieces:
        if groups and _belongs(groups[-1], piece, size, table_size):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return _without_small_ends(groups, size)


def _belongs(group: list[_Piece], piece: _Piece, size: int, table_size: int) -> bool:
    length = piece.end - group[0].start
    only_headings = all(member.kind == "heading" for member in group)
    if piece.opens:
        return only_headings and piece.kind == "heading" and length <= size
    introduces_table = piece.kind == "table" and group[-1].end - group[0].start < size * _SMALL
    return only_headings or length <= (table_size if introduces_table else size)


def _without_small_ends(groups: list[list[_Piece]], size: int) -> list[list[_Piece]]:
    """A section's small last group joins the one before it, at the price of a slightly larger chunk."""
    merged: list[list[_Piece]] = []
    for group in groups:
        is_small = group[-1].end - group[0].start < size * _SMALL
        if merged and is_small and not group[0].opens and group[-1].end - merged[-1][0].start <= size * 1.25:
            merged[-1].extend(group)
        else:
            merged.append(group)
    return merged


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end

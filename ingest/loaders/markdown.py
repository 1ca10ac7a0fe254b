"""Markdown, by way of the HTML that it stands for."""

from markdown_it import MarkdownIt

from ingest.blocks import ParsedDocument
from ingest.limits import ParseLimits
from ingest.loaders.decoding import decode
from ingest.loaders.html import parse_html
from ingest.loaders.progress import Progress


def load_markdown(data: bytes, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """CommonMark with tables; raw HTML inside is read as HTML."""
    renderer = MarkdownIt("commonmark").enable("table")
    return ParsedDocument(parse_html(renderer.render(_without_front_matter(decode(data)))))


def _without_front_matter(text: str) -> str:
    """The text after a leading YAML block between two lines of three dashes."""
    if not text.startswith("---\n"):
        return text
    _, found, rest = text[4:].partition("\n---\n")
    return rest if found else text

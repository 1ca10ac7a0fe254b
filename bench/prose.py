"""English sentences and paragraphs of the demo handbook: what a language model's tokeniser is made for."""

import re

from demo.handbook import DOCUMENTS

_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


def paragraphs() -> list[str]:
    """Of at least 200 characters, without tables and headings."""
    markdown = next(path for path in DOCUMENTS if path.suffix == ".md")
    blocks = (" ".join(block.split()) for block in markdown.read_text().split("\n\n"))
    return [block for block in blocks if len(block) >= 200 and not block.startswith(("|", "#"))]


def sentences() -> list[str]:
    return [sentence for paragraph in paragraphs() for sentence in _SENTENCE_END.split(paragraph)]

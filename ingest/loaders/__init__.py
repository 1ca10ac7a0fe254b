"""One loader per format; what they have in common is done here once.

Importing this package loads every parser, which takes seconds: only the child process of ingest.parsing does.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from ingest.blocks import Block, DocumentRejected, ParsedDocument
from ingest.limits import ParseLimits
from ingest.loaders.detection import detect
from ingest.loaders.html import load_html
from ingest.loaders.markdown import load_markdown
from ingest.loaders.office import load_csv, load_docx, load_eml, load_pptx, load_xlsx
from ingest.loaders.pdf import load_pdf
from ingest.loaders.progress import Progress
from ingest.loaders.text import load_text

Loader = Callable[[bytes, ParseLimits, Progress], ParsedDocument]

LOADERS: dict[str, Loader] = {
    "txt": load_text,
    "md": load_markdown,
    "html": load_html,
    "docx": load_docx,
    "pptx": load_pptx,
    "xlsx": load_xlsx,
    "csv": load_csv,
    "eml": load_eml,
    "pdf": load_pdf,
}

# Postgres refuses NUL; lone surrogates have no UTF-8; the other control characters are debris of conversion.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def load(data: bytes, filename: str, limits: ParseLimits, progress: Progress) -> ParsedDocument:
    """The blocks of a document of any known format; the only error is DocumentRejected."""
    loader = LOADERS[detect(data, filename)]
    try:
        document = loader(data, limits, progress)
    except (DocumentRejected, MemoryError):
        raise
    except Exception as exc:
        # Whatever a parser trips over, the document is the reason.
        raise DocumentRejected(
            "damaged_document", "The file is damaged or incomplete; save it again and upload the new file."
        ) from exc
    blocks = tuple(cleaned for block in document.blocks if (cleaned := _clean(block)).text.strip())
    if not blocks:
        raise DocumentRejected("empty_document", "The file holds no text; upload one that does.")
    if sum(len(block.text) for block in blocks) > limits.text_characters:
        raise DocumentRejected(
            "too_much_text",
            f"The file holds more than {limits.text_characters} characters; split it into parts.",
        )
    return replace(document, blocks=blocks)


def _clean(block: Block) -> Block:
    text = block.text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    text = _SURROGATE.sub("\ufffd", _UNWANTED.sub("", text))
    return replace(block, text=text.strip("\n") if block.kind in ("table", "code") else text.strip())

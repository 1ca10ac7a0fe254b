"""What a loader makes of a document: a flat sequence of blocks, or a refusal."""

from dataclasses import dataclass
from typing import Literal

from core.errors import ClientError

BlockKind = Literal["heading", "paragraph", "list_item", "table", "code"]


@dataclass(frozen=True, slots=True)
class Block:
    """One structural piece of a document.

    kind: what it is; a table's text has one line per row and ` | ` between cells.
    text: never empty, without NUL bytes and lone surrogates.
    level: 1 to 6 for a heading, 0 otherwise.
    page: 1-based; None where the format has no pages.
    """

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """Blocks in reading order; pages is the page, slide or sheet count where the format has one."""

    blocks: tuple[Block, ...]
    pages: int | None = None


class DocumentRejected(ClientError):
    """The document cannot be ingested, and only its owner can change that.

    code: stable, snake_case. detail: one sentence that says what is wrong and what to do.
    """

    status = 422

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, code=code)

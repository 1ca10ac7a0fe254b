"""The wire between ingest.parsing and its child: JSON behind a four-byte length.

From the parent: one message with filename, limits and size, then the document itself.
From the child: lists that begin with their name: ["ready", pid], ["progress", done, total] and
["blocks", [[kind, text, level, page], …]], at the end ["done", pages] or ["rejected", code, detail, cause].
"""

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from ingest.blocks import Block

LENGTH = struct.Struct(">I")
_BATCH_CHARACTERS = 64 * 1024


def frame(message: Any) -> bytes:
    """One message, ready to send."""
    body = json.dumps(message, ensure_ascii=False).encode()
    return LENGTH.pack(len(body)) + body


def block_frames(blocks: Sequence[Block]) -> Iterator[bytes]:
    """The blocks in messages of moderate size."""
    batch: list[tuple[str, str, int, int | None]] = []
    characters = 0
    for block in blocks:
        batch.append((block.kind, block.text, block.level, block.page))
        characters += len(block.text)
        if characters >= _BATCH_CHARACTERS:
            yield frame(["blocks", batch])
            batch, characters = [], 0
    if batch:
        yield frame(["blocks", batch])

"""Where sentences end: one rule for cutting chunks, for quoting and for checking quotes."""

import re
from collections.abc import Iterator

# Behind . ! ? or … and a closing quote, before what begins a sentence; anywhere behind 。！？
_END = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s+[\"'“‘«(\[¿¡]*[A-Z0-9\u00c0-\U0010ffff])|[。！？]")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Nr|Fig|Inc|Ltd|Co|Corp|vs|cf|al|etc|approx|ca|bzw|Art|Abs|Sec|Vol|pp?)"
    r"|\b(?:e\.g|i\.e|z\.B|d\.h|p\.ej|Sr|Sra)"
    r"|(?:^|[\s(.])[^\W\d_])\.$"
)
_LOOK_BACK = 12


def sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """The position behind each sentence of text[start:end] that another one follows, in order."""
    begin = start
    for found in _END.finditer(text, start, end):
        if found.group().startswith(".") and _ABBREVIATION.search(
            text, max(begin, found.start() + 1 - _LOOK_BACK), found.start() + 1
        ):
            continue
        yield found.end()
        begin = found.end()

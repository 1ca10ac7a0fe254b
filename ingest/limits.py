"""How much one document may cost."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Upper bounds, all inclusive, for parsing one document."""

    seconds: float = 120
    memory_bytes: int = 2048 * MEBIBYTE
    text_characters: int = 20_000_000
    pages: int = 2_000
    table_cells: int = 200_000
    unpacked_bytes: int = 256 * MEBIBYTE

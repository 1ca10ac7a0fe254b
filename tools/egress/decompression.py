"""Compressed bodies, unpacked piece by piece: how far they swell is seen before it is in memory."""

import zlib
from collections.abc import Iterator
from typing import Final

CODINGS: Final = ("gzip", "deflate")

_PIECE_BYTES = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class Broken(Exception):
    """This is not compressed data, or not all of it."""


class Decompressor:
    """For one body in one of `CODINGS`; what follows the end of its data is ignored."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._zlib: zlib._Decompress | None = None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """At most 64 KiB each. Raises `Broken`."""
        if self._zlib is None:
            self._zlib = zlib.decompressobj(self._window(data[0]))
        while not self._zlib.eof:
            try:
                piece = self._zlib.decompress(data, _PIECE_BYTES)
            except zlib.error as exc:
                raise Broken from exc
            if not piece:
                return
            yield piece
            data = self._zlib.unconsumed_tail

    def finish(self) -> None:
        """Raises `Broken` when data has come, but not its end."""
        if self._zlib is not None and not self._zlib.eof:
            raise Broken

    def _window(self, first: int) -> int:
        """Some send "deflate" without the header that RFC 9110 wants, whose first byte ends in 8."""
        if self._coding == "gzip":
            return _GZIP
        return _ZLIB if first & 0x0F == 8 else _RAW

"""A body that another host sends: unpacked, within its limits, and its connection closed after it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager

import httpx2

from tools.egress.decompression import CODINGS, Broken, Decompressor
from tools.egress.limits import Limits, PeerFailed, translated
from tools.egress.wire import Wire


class Body(httpx2.AsyncByteStream):
    """Reading it raises `PeerFailed`."""

    def __init__(
        self,
        host: str,
        parts: AsyncGenerator[bytes, None],
        wire: Wire,
        limits: Limits,
        decompressor: Decompressor | None,
    ) -> None:
        self._host = host
        self._parts = parts
        self._wire = wire
        self._limits = limits
        self._decompressor = decompressor

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = unpacked = 0
        async with aclosing(self._parts) as parts:
            while (part := await self._next(parts)) is not None:
                received += len(part)
                self._check_size(received)
                for piece in self._unpacked(part):
                    unpacked += len(piece)
                    self._check_size(unpacked)
                    yield piece
        if self._decompressor is not None:
            with self._broken_told():
                self._decompressor.finish()

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def _next(self, parts: AsyncGenerator[bytes, None]) -> bytes | None:
        """Each part by itself has until the deadline: a timeout may not be open while we yield."""
        with translated(self._host, self._limits.seconds):
            async with asyncio.timeout_at(self._limits.deadline):
                return await anext(parts, None)

    def _check_size(self, size: int) -> None:
        if size > self._limits.max_bytes:
            raise PeerFailed(f"{self._host} sends more than {self._limits.max_bytes} bytes.")

    def _unpacked(self, part: bytes) -> Iterator[bytes]:
        if self._decompressor is None:
            yield part
        else:
            with self._broken_told():
                yield from self._decompressor.pieces(part)

    @contextmanager
    def _broken_told(self) -> Iterator[None]:
        try:
            yield
        except Broken as exc:
            raise PeerFailed(f"{self._host} sends a compressed body that is broken.") from exc


def decompressor_of(host: str, headers: httpx2.Headers) -> Decompressor | None:
    """Takes the headers away that are no longer true of what is unpacked. Raises `PeerFailed`."""
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        return None
    if coding not in CODINGS:
        raise PeerFailed(f"{host} compresses its body in a way that was not asked for.")
    del headers["content-encoding"]
    headers.pop("content-length", None)
    return Decompressor(coding)

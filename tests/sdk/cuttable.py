"""A TCP proxy whose connections can be cut, as a network does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 65536


class Cuttable:
    """`url` leads to the server."""

    def __init__(self, host: str, port: int) -> None:
        self.url = ""
        self._host, self._port = host, port
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None] | None] = set()

    def cut(self) -> None:
        """Every connection of this moment ends without a word."""
        for writer in self._open:
            writer.transport.abort()

    async def end(self) -> None:
        self.cut()
        await asyncio.gather(*(task for task in self._tasks if task is not None))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        with suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection(self._host, self._port)
            ends = {writer, server_writer}
            self._open |= ends
            await asyncio.gather(_pump(reader, server_writer), _pump(server_reader, writer))
            self._open -= ends


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def cuttable(url: str) -> AsyncIterator[Cuttable]:
    place = urlsplit(url)
    assert place.hostname is not None and place.port is not None
    proxy = Cuttable(place.hostname, place.port)
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
        await proxy.end()

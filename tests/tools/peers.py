"""A host on this machine that says exactly the bytes a test wants, and remembers what it was asked."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# To every request, as the connection is used, or to each by its path.
Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]] | Mapping[str, bytes]


def redirect(url: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} See\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass
class Peer:
    port: int = 0
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def peer(answer: Answer = OK, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Listens on 127.0.0.1 only."""
    itself = Peer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            itself.requests.append(head + await reader.readexactly(int(length[1]) if length else 0))
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer if isinstance(answer, bytes) else answer[head.split()[1].decode()])
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    itself.port = server.sockets[0].getsockname()[1]
    try:
        yield itself
    finally:
        server.close()

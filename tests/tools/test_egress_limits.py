import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable

import pytest

from tests.tools.egress_clients import NAME, THIS_MACHINE, TRUSTED, client_of
from tests.tools.peers import peer
from tools.egress.client import PeerFailed

TEXT = b"The lamp is lit. " * 1000
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

Write = Callable[[asyncio.StreamWriter], Awaitable[None]]


def endless(opening: bytes, again: bytes, *, seconds: float = 0) -> Write:
    """Never ends by itself; `seconds` pass between repetitions."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(opening)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(seconds)

    return write


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def packed(coding: str, data: bytes) -> bytes:
    return HEAD + f"Content-Encoding: {coding}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(TEXT)), ("GZIP", gzip.compress(TEXT)), ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)), ("identity", TEXT), ("gzip", gzip.compress(TEXT) + b"\x00\x00"),
    ],
    ids=["gzip", "upper case", "zlib", "raw deflate", "identity", "padded"],
)  # fmt: skip
async def test_a_body_is_unpacked(coding: str, data: bytes) -> None:
    async with peer(packed(coding, data)) as other, client_of(TRUSTED, THIS_MACHINE) as client:
        answer = await client.get(f"http://{NAME}:{other.port}/")
    assert b"gzip, deflate" in other.requests[0]
    assert answer.content == TEXT
    assert answer.headers.get("content-encoding", "identity") == "identity"


async def test_a_compressed_answer_without_a_body_is_empty() -> None:
    answer = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 400\r\n\r\n"
    async with peer(answer) as other, client_of(TRUSTED, THIS_MACHINE) as client:
        assert (await client.head(f"http://{NAME}:{other.port}/")).content == b""


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", TEXT), ("gzip", gzip.compress(TEXT)[:-9]), ("deflate", b"\xff\xff"), ("br", TEXT),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT))),
    ],
    ids=["no gzip", "cut off", "no deflate", "unknown", "twice"],
)  # fmt: skip
async def test_a_body_that_cannot_be_unpacked_fails(coding: str, data: bytes) -> None:
    async with peer(packed(coding, data)) as other, client_of(TRUSTED, THIS_MACHINE) as client:
        with pytest.raises(PeerFailed, match="compress"):
            await client.get(f"http://{NAME}:{other.port}/")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_does_not_go_off(coding: str) -> None:
    unpacked = bytes(64 * 1024 * 1024)
    bomb = packed(coding, gzip.compress(unpacked) if coding == "gzip" else zlib.compress(unpacked))
    del unpacked
    async with peer(bomb) as other, client_of(TRUSTED, THIS_MACHINE, max_bytes=1_000_000) as client:
        tracemalloc.start()
        with pytest.raises(PeerFailed, match="more than 1000000 bytes"):
            await client.get(f"http://{NAME}:{other.port}/")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4_000_000


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    answer = HEAD + f"Content-Length: {len(TEXT)}\r\n\r\n".encode() + TEXT
    async with peer(answer) as other, client_of(TRUSTED, THIS_MACHINE, max_bytes=len(TEXT)) as client:
        assert (await client.get(f"http://{NAME}:{other.port}/")).content == TEXT


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(endless(HEAD + b"\r\n", b"x" * 65536), id="body"),
        pytest.param(endless(CHUNKED, b"1;" + b"x" * 5000 + b"\r\nx\r\n"), id="chunk extensions"),
        pytest.param(endless(CHUNKED + b"0\r\n", b"x: y\r\n" * 1000), id="trailers"),
        pytest.param(endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100), id="provisional answers"),
        pytest.param(endless(HEAD, b"x: y\r\n" * 1000), id="headers"),
        pytest.param(endless(HEAD + b"x: ", b"y" * 10_000), id="one header"),
        pytest.param(HEAD + b"x: y\r\n" * 300 + b"\r\n", id="many headers"),
        pytest.param(HEAD + b"x: " + b"y" * 80_000 + b"\r\n\r\n", id="large header"),
        pytest.param(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", id="upgrade"
        ),
        pytest.param(b"HTTP/2 200\r\n\r\n", id="another version"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="another protocol"),
        pytest.param(HEAD + b"Content-Length: 5\r\n\r\nhi", id="half a body"),
        pytest.param(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", id="two lengths"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_whoever_sends_too_much_or_nonsense_is_left(answer: bytes | Write) -> None:
    """Long before the time is over."""
    async with peer(answer) as other, client_of(TRUSTED, THIS_MACHINE, seconds=60, max_bytes=100_000) as client:
        async with asyncio.timeout(10):
            with pytest.raises(PeerFailed) as failed:
                await client.get(f"http://{NAME}:{other.port}/")
    assert "within" not in failed.value.detail


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(endless(b"", b"", seconds=0.02), id="nothing"),
        pytest.param(endless(HEAD + b"x: ", b"y", seconds=0.02), id="headers"),
        pytest.param(endless(HEAD + b"\r\n", b"x", seconds=0.02), id="body"),
        pytest.param(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", seconds=0.02), id="provisional answers"),
    ],
)
async def test_whoever_drips_is_left_at_the_deadline(answer: Write) -> None:
    async with peer(answer) as other, client_of(TRUSTED, THIS_MACHINE, seconds=0.3) as client:
        with pytest.raises(PeerFailed, match=r"within 0\.3 seconds"):
            await client.get(f"http://{NAME}:{other.port}/")


async def test_a_resolver_that_hangs_is_left_at_the_deadline() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with client_of(TRUSTED, resolve, seconds=0.1) as client:
        with pytest.raises(PeerFailed, match="within"):
            await client.get(f"http://{NAME}/")


@pytest.mark.parametrize("how", ["read", "abandoned", "cancelled"])
async def test_the_connection_is_closed_however_the_exchange_ends(how: str) -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"ok" if how == "read" else b"o"))
        begun.set()
        await reader.read()
        closed.set()
        writer.close()

    async def ask(url: str) -> None:
        async with client_of(TRUSTED, THIS_MACHINE) as client, client.stream("GET", url) as answer:
            if how != "abandoned":
                await answer.aread()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    asking = asyncio.create_task(ask(f"http://{NAME}:{server.sockets[0].getsockname()[1]}/"))
    await begun.wait()
    if how == "cancelled":
        asking.cancel()
    await asyncio.wait([asking])
    await asyncio.wait_for(closed.wait(), 5)
    assert asking.cancelled() == (how == "cancelled")
    server.close()

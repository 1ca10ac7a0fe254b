"""A DNS server on this machine that says what a test wants, and a resolver that asks it over UDP."""

import asyncio
import secrets
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

from tools.egress.client import Resolve

A, AAAA = 1, 28
_HEADER = struct.Struct("!6H")
_ANSWER = struct.Struct("!3HIH")

# The addresses of a name when it is asked for the nth time, from 1.
Zone = Callable[[str, int], Sequence[str]]


class _Server(asyncio.DatagramProtocol):
    """Answers have a time to live of nothing (RFC 1035, 4.1)."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._asked: dict[tuple[str, int], int] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        question, name, kind = data[_HEADER.size :], _name_of(data), struct.unpack("!H", data[-4:-2])[0]
        times = self._asked[name, kind] = self._asked.get((name, kind), 0) + 1
        addresses = [address for found in self._zone(name, times) if (address := ip_address(found))]
        records = [address.packed for address in addresses if (address.version == 4) == (kind == A)]
        header = _HEADER.pack(struct.unpack("!H", data[:2])[0], 0x8400, 1, len(records), 0, 0)
        answers = b"".join(_ANSWER.pack(0xC00C, kind, 1, 0, len(record)) + record for record in records)
        self._transport.sendto(header + question + answers, addr)


class _Question(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.answer.set_result(data)


@asynccontextmanager
async def dns_stub(zone: Zone) -> AsyncIterator[Resolve]:
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(lambda: _Server(zone), local_addr=("127.0.0.1", 0))
    address = server.get_extra_info("sockname")

    async def resolve(host: str, port: int) -> Sequence[str]:
        return [found for kind in (AAAA, A) for found in await _ask(address, host, kind)]

    try:
        yield resolve
    finally:
        server.close()


async def _ask(server: tuple[str, int], name: str, kind: int) -> list[str]:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = labels + struct.pack("!BHH", 0, kind, 1)
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(_Question, local_addr=("127.0.0.1", 0))
    try:
        transport.sendto(_HEADER.pack(secrets.randbits(16), 0x0100, 1, 0, 0, 0) + question, server)
        answer = await asking.answer
    finally:
        transport.close()
    return list(_addresses_of(answer[_HEADER.size + len(question) :]))


def _addresses_of(records: bytes) -> list[str]:
    found = []
    while records:
        length = _ANSWER.unpack_from(records)[-1]
        found.append(str(ip_address(records[_ANSWER.size : _ANSWER.size + length])))
        records = records[_ANSWER.size + length :]
    return found


def _name_of(message: bytes) -> str:
    labels, at = [], _HEADER.size
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels)

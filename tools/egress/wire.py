"""The connection of one exchange: it goes to addresses that have been checked, and what it brings is counted."""

import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import anyio
import httpcore2

from tools.egress.limits import MAX_HEADER_BYTES, PeerFailed

# What may come before an answer's own head has, provisional answers included, and again around its body.
_ALLOWANCE = 2 * MAX_HEADER_BYTES


class Wire(httpcore2.AsyncNetworkBackend):
    """For one connection to `host`, at the first of `addresses` that takes it, whatever name it is asked for."""

    def __init__(self, host: str, addresses: Sequence[str]) -> None:
        self._host = host
        self._addresses = addresses
        self._left = _ALLOWANCE
        self._backend = httpcore2.AnyIOBackend()
        self._stream: httpcore2.AsyncNetworkStream | None = None

    def expect(self, max_bytes: int) -> None:
        """A body of that size. It may come in chunks, not in chunks that are mostly something else."""
        self._left = 2 * max_bytes + _ALLOWANCE

    def take(self, received: int) -> None:
        self._left -= received
        if self._left < 0:
            raise PeerFailed(f"{self._host} sends too much around its answer.")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError("The name has no address.")
        for address in self._addresses:
            try:
                self._stream = await self._backend.connect_tcp(address, port, timeout)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as exc:
                failure = exc
            else:
                return _Metered(self._stream, self)
        raise failure

    async def aclose(self) -> None:
        if self._stream is not None:
            # It does not wait for the peer, and must happen also when our own task has been cancelled.
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()


class _Metered(httpcore2.AsyncNetworkStream):
    def __init__(self, stream: httpcore2.AsyncNetworkStream, wire: Wire) -> None:
        self._stream = stream
        self._wire = wire

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        self._wire.take(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _Metered(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._wire)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

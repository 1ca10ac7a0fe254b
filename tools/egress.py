"""The only way out for a URL that a tenant names: the address that was checked is the one connected to."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from core.errors import AtriumError
from tools.egress_policy import EgressPolicy, UrlRefused, check_url, host_of, is_public, port_of

MAX_ADDRESSES = 4
CONNECT_SECONDS = 3.0

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class PeerFailed(AtriumError):
    """The host that a tenant named does not answer as it should."""

    status = 502
    code = "peer_failed"


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, the preferred one first. Raises `OSError` when there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def egress_client(
    policy: EgressPolicy,
    *,
    seconds: float = 10.0,
    max_bytes: int = 1024 * 1024,
    tls: ssl.SSLContext | None = None,
    resolve: Resolve = resolve,
) -> httpx.AsyncClient:
    """A client that goes to public addresses only, follows no redirect, keeps no cookie and uses no proxy.

    A whole exchange takes at most `seconds`, a response's body at most `max_bytes`. Its requests raise
    `UrlRefused` for where they may not go and `PeerFailed` for whatever the other side does wrong.
    """
    return httpx.AsyncClient(
        transport=_CheckedTransport(policy, resolve, seconds, max_bytes, tls),
        timeout=httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
        headers={"accept-encoding": "identity", "user-agent": "Atrium"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


class _CheckedTransport(httpx.AsyncBaseTransport):
    def __init__(
        self, policy: EgressPolicy, resolve: Resolve, seconds: float, max_bytes: int, tls: ssl.SSLContext | None
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._seconds = seconds
        self._max_bytes = max_bytes
        # Kept connections are known by address: one whose TLS proved another name would be used again.
        self._wire = httpx.AsyncHTTPTransport(
            verify=tls or True, trust_env=False, limits=httpx.Limits(max_connections=100, max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = check_url(request.url, self._policy)
        deadline = asyncio.get_running_loop().time() + self._seconds
        with _translated(url, self._seconds):
            async with asyncio.timeout_at(deadline):
                response = await self._first_answer(request, url, await self._addresses(url))
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise PeerFailed(f"{url.host} sends a compressed body, which was not asked for.")
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(response, url, self._max_bytes, self._seconds, deadline),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        """Every one must be public: which of them is used is not for the name's owner to choose."""
        host = host_of(url)
        addresses = await self._resolve(host, port_of(url))
        if host not in self._policy.allow_hosts and not all(map(is_public, addresses)):
            raise UrlRefused(f"{url.host} is not a public host.")
        return addresses[:MAX_ADDRESSES]

    async def _first_answer(self, request: httpx.Request, url: httpx.URL, addresses: Sequence[str]) -> httpx.Response:
        failure: httpx.TransportError = httpx.ConnectError("The name has no address.")
        for address in addresses:
            bound = httpx.Request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions | {"sni_hostname": host_of(url)},
            )
            try:
                return await self._wire.handle_async_request(bound)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                failure = exc
        raise failure


class _Bounded(httpx.AsyncByteStream):
    def __init__(
        self, response: httpx.Response, url: httpx.URL, max_bytes: int, seconds: float, deadline: float
    ) -> None:
        self._response = response
        self._url = url
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = self._response.aiter_raw()
        received = 0
        while True:
            with _translated(self._url, self._seconds):
                async with asyncio.timeout_at(self._deadline):
                    part = await anext(parts, b"")
            if not part:
                return
            received += len(part)
            if received > self._max_bytes:
                raise PeerFailed(f"{self._url.host} sends more than {self._max_bytes} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def _translated(url: httpx.URL, seconds: float) -> Iterator[None]:
    """Says what went wrong without the addresses and certificates that the causes quote."""
    try:
        yield
    except (TimeoutError, httpx.TimeoutException) as exc:
        raise PeerFailed(f"{url.host} did not answer within {seconds:g} seconds.") from exc
    except socket.gaierror as exc:
        raise PeerFailed(f"There is no host named {url.host}.") from exc
    except (OSError, httpx.TransportError) as exc:
        raise PeerFailed(f"{url.host} could not be reached, or broke the connection.") from exc

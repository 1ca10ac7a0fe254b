"""The only way out for a URL that a tenant names: the address that was checked is the one connected to."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import httpx2

from tools.egress import redirects
from tools.egress.decompression import CODINGS
from tools.egress.exchange import exchange
from tools.egress.limits import Limits, PeerFailed, translated
from tools.egress.policy import EgressPolicy, UrlRefused, check_url, host_of, parse_url, port_of
from tools.egress.special_addresses import is_public

__all__ = ["Client", "Egress", "PeerFailed", "Resolve", "resolve"]

MAX_ADDRESSES = 4
MAX_REDIRECTS = 5
CONNECT_SECONDS = 3.0
_DEADLINE: Final = "deadline"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# Look-ups that hang keep their thread: not one that the rest of the process waits for.
_LOOK_UPS = ThreadPoolExecutor(32, thread_name_prefix="look-up")


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, the preferred one first. Raises `OSError` when there is none."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_LOOK_UPS, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Egress:
    """For a process: `async with Egress(policy) as egress`."""

    def __init__(
        self, policy: EgressPolicy, *, tls: ssl.SSLContext | None = None, resolve: Resolve = resolve
    ) -> None:
        self.policy = policy
        self._tls = tls or httpx2.create_ssl_context(trust_env=False)
        self._resolve = resolve

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Every connection belongs to an exchange and is closed with it: nothing is left."""

    def client(
        self,
        tenant_id: UUID,
        *,
        seconds: float = 10.0,
        max_bytes: int = 1024 * 1024,
        follow_redirects: bool = False,
    ) -> "Client":
        """A client that goes only where the tenant may, keeps no cookie and uses no proxy.

        A whole exchange, redirects included, takes at most `seconds`, and each body at most `max_bytes`.
        """
        return Client(_Guarded(self, tenant_id, seconds, max_bytes), seconds, follow_redirects)

    async def send(self, request: httpx2.Request, tenant_id: UUID, seconds: float, max_bytes: int) -> httpx2.Response:
        """One hop. Raises `UrlRefused` and `PeerFailed`."""
        url = check_url(request.url, self.policy, tenant_id)
        redirects.follow(request)
        host = host_of(url)
        # The requests that redirects make inherit it.
        deadline = request.extensions.setdefault(_DEADLINE, asyncio.get_running_loop().time() + seconds)
        with translated(host, seconds):
            async with asyncio.timeout_at(deadline):
                addresses = await self._resolve(host, port_of(url))
        # Every one: which of them is used is not for the name's owner to choose.
        if host not in self.policy.allowed_hosts(tenant_id) and not all(map(is_public, addresses)):
            raise UrlRefused(f"{host} is not a public host.")
        limits = Limits(seconds, deadline, max_bytes)
        return await exchange(request, host, addresses[:MAX_ADDRESSES], self._tls, limits)


class Client(httpx2.AsyncClient):
    """Its requests raise `UrlRefused` for where they may not go, `PeerFailed` for whatever the other side does wrong.

    The extension "secret_headers" of a request, a frozenset of lower-case names, says which of its headers are
    secret besides `Authorization`, `Cookie` and `Proxy-Authorization`: a redirect takes none to another origin.
    """

    def __init__(self, transport: httpx2.AsyncBaseTransport, seconds: float, follow_redirects: bool) -> None:
        super().__init__(
            transport=transport,
            timeout=httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
            headers={"Accept-Encoding": ", ".join(CODINGS), "Connection": "close", "User-Agent": "Atrium"},
            cookies=_NoCookies(),
            follow_redirects=follow_redirects,
            max_redirects=MAX_REDIRECTS,
            trust_env=False,
        )

    def build_request(self, method: str, url: httpx2.URL | str, **given: Any) -> httpx2.Request:
        return super().build_request(method, parse_url(url), **given)

    async def send(self, request: httpx2.Request, **given: Any) -> httpx2.Response:
        request.extensions.pop(_DEADLINE, None)
        try:
            return await super().send(request, **given)
        except httpx2.TooManyRedirects as exc:
            raise PeerFailed(f"{host_of(request.url)} redirects more than {MAX_REDIRECTS} times.") from exc
        except (httpx2.RequestError, httpx2.StreamError) as exc:
            raise PeerFailed(f"{host_of(request.url)} redirects to where this request cannot go.") from exc


class _Guarded(httpx2.AsyncBaseTransport):
    def __init__(self, egress: Egress, tenant_id: UUID, seconds: float, max_bytes: int) -> None:
        self._egress = egress
        self._tenant_id = tenant_id
        self._seconds = seconds
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._egress.send(request, self._tenant_id, self._seconds, self._max_bytes)


class _NoCookies(CookieJar):
    def extract_cookies(self, response: Any, request: Any) -> None:
        """Whatever is set is forgotten."""

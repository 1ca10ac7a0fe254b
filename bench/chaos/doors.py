"""The API processes as one person's client uses them: when one does not answer, another is asked."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx

from bench.chaos.ledger import Ledger

# No longer than an outage of everything, the start of a process included.
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.1
TIMEOUT = httpx.Timeout(6, pool=30)
# Not now: nothing was done, and asking again is right.
_LATER = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)


class Unanswered(Exception):
    """Nobody knows whether it was done."""


class Frame(NamedTuple):
    """A server-sent event. `seq` is None for what is not in the log, such as a stream's own failure."""

    seq: int | None
    name: str
    data: str


class Doors:
    def __init__(self, urls: list[str], token: str, ledger: Ledger, draw: random.Random) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=10)
        self._clients = [
            httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT, limits=limits) for url in urls
        ]
        self._ledger = ledger
        self._draw = draw

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()

    @asynccontextmanager
    async def once(self, method: str, path: str, **request: Any) -> AsyncIterator[httpx.Response]:
        """An answer whose body is still to be read. Raises `Unanswered`, also when it was refused for now."""
        try:
            async with self._draw.choice(self._clients).stream(method, path, **request) as response:
                if response.status_code in _LATER:
                    raise Unanswered
                if response.is_server_error:
                    self._ledger.unclean[f"{method} {response.status_code}"] += 1
                    raise Unanswered
                yield response
        except httpx.TransportError as error:
            raise Unanswered from error

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        async with self.once(method, path, **request) as response:
            await response.aread()
            return response

    async def insist(self, method: str, path: str, **request: Any) -> httpx.Response:
        """For what may be asked again and again. Raises `TimeoutError` when it is never answered."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    return await self.ask(method, path, **request)
                except Unanswered:
                    await asyncio.sleep(PAUSE_SECONDS)


async def frames(response: httpx.Response) -> AsyncIterator[Frame]:
    """Only whole ones: what is cut off in the middle was not seen."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "event" in fields:
            yield Frame(int(fields["id"]) if "id" in fields else None, fields["event"], fields["data"])
            fields = {}

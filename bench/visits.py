"""Requests that arrive when they should, whether or not the last one was answered: from a process of their own.

Started as `python -m bench.visits`: reads waves of requests as JSON on stdin, prints what became of them.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

DEADLINE_SECONDS = 60.0
_CODE = re.compile(rb'"code": ?"(\w+)"')


@dataclass(frozen=True, slots=True)
class Request:
    """at: seconds after its wave has begun."""

    method: str
    path: str
    token: str
    body: dict[str, Any] | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Visit:
    """What a client saw. Times in milliseconds from opening the connection.

    status: 0 for no answer in time, or none at all. code: of the problem or failed run, empty if there is none.
    first_ms: to the first server-sent event, or without events to the end. whole: no stream broke off.
    """

    status: int
    code: str
    first_ms: float
    total_ms: float
    whole: bool = True

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300 and not self.code and self.whole

    @property
    def outcome(self) -> str:
        return f"{self.status} {self.code or ('ok' if self.whole else 'broken off')}"


@dataclass(frozen=True, slots=True)
class Visits:
    """Wave by wave. client_share: of one core, what the client took while it ran."""

    waves: list[list[Visit]]
    client_share: float


def make(url: str, waves: Sequence[Sequence[Request]]) -> Visits:
    """One wave after the other; a wave begins when every request of the one before has ended."""
    plan = {"url": url, "waves": [[asdict(request) for request in wave] for wave in waves]}
    ran = subprocess.run(
        [sys.executable, "-m", "bench.visits"], input=json.dumps(plan).encode(), stdout=subprocess.PIPE, check=True
    )
    told = json.loads(ran.stdout)
    return Visits([[Visit(**visit) for visit in wave] for wave in told["waves"]], told["client_share"])


async def _visit(host: str, port: int, request: Request) -> Visit:
    await asyncio.sleep(request.at)
    started, first, received = time.perf_counter(), None, bytearray()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(_bytes(request))
            while piece := await reader.read(65536):
                received += piece
                if first is None and b"event: " in received:
                    first = time.perf_counter()
            writer.close()
    except (OSError, TimeoutError) as error:
        return Visit(0, type(error).__name__, 0, (time.perf_counter() - started) * 1000)
    ended = time.perf_counter()
    first_ms, total_ms = ((moment - started) * 1000 for moment in (first or ended, ended))
    if not received.startswith(b"HTTP/1.1 "):
        return Visit(0, "no_answer", first_ms, total_ms)
    code = _CODE.search(received)
    whole = first is None or b"event: run_ended" in received
    return Visit(int(received[9:12]), code.group(1).decode() if code else "", first_ms, total_ms, whole)


def _bytes(request: Request) -> bytes:
    body = b"" if request.body is None else json.dumps(request.body).encode()
    head = [
        f"{request.method} {request.path} HTTP/1.1",
        "Host: bench",
        "Connection: close",
        f"Authorization: Bearer {request.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


async def _waves(plan: dict[str, Any]) -> Visits:
    address = urlsplit(plan["url"])
    assert address.hostname is not None
    assert address.port is not None
    started, waves = time.perf_counter(), []
    for wave in plan["waves"]:
        visits = (_visit(address.hostname, address.port, Request(**request)) for request in wave)
        waves.append(await asyncio.gather(*visits))
    return Visits(waves, time.process_time() / (time.perf_counter() - started))


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_waves(json.load(sys.stdin))))))

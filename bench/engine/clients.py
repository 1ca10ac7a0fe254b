"""So many clients, each of which starts run after run and reads every event: from a process of their own.

Started as `python -m bench.engine.clients`: reads its `Work` as a line of JSON, says that it is ready, begins with
the next line, and prints what was `Done`.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal
from uuid import uuid4

import httpx
from langgraph_sdk import get_client

from bench.engine.contender import Contender

QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "Tell me fifty tokens."}]}
LAST_WORD = "token-49 "
TIMEOUT_SECONDS = 60
_RUN = {
    "input": QUESTION,
    "assistant_id": "two_nodes",
    "stream_mode": ["messages-tuple", "values"],
    "if_not_exists": "create",
}

# Of one run: how many events were read, and whether all readers saw it to its last token.
Read = tuple[int, bool]


@dataclass(frozen=True, slots=True)
class Work:
    """`way`: through langgraph-sdk; by a bare POST to /stream; or in the background, with so many `readers`."""

    url: str
    headers: dict[str, str]
    clients: int
    seconds: float
    way: Literal["sdk", "post", "join"]
    readers: int


@dataclass(frozen=True, slots=True)
class Done:
    """Whole runs, their events as often as they were read, what else happened; CPU time is the server's."""

    runs: int
    events: int
    seconds: float
    failures: dict[str, int]
    cpu_seconds: float = 0.0


def measure(
    contender: Contender,
    *,
    clients: int,
    seconds: float,
    way: Literal["sdk", "post", "join"] = "sdk",
    readers: int = 1,
) -> Done:
    work = Work(contender.url, dict(contender.headers), clients, seconds, way, readers)
    command = [sys.executable, "-m", "bench.engine.clients"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        print(json.dumps(asdict(work)), file=process.stdin, flush=True)
        process.stdout.readline()
        before = contender.cpu_seconds()
        print(file=process.stdin, flush=True)
        told = json.loads(process.stdout.readline())
        return Done(**told | {"cpu_seconds": contender.cpu_seconds() - before})


async def _all(work: Work) -> Done:
    failures: Counter[str] = Counter()
    counted: list[int] = []
    one = {"sdk": _by_sdk, "post": _by_post, "join": _by_joining}[work.way](work)
    started = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - started < work.seconds:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    events, whole = await one()
            except (httpx.HTTPError, TimeoutError) as error:
                failures[type(error).__name__] += 1
                continue
            if whole:
                counted.append(events)
            else:
                failures["not whole"] += 1

    await asyncio.gather(*(client() for _ in range(work.clients)))
    return Done(len(counted), sum(counted), time.perf_counter() - started, dict(failures))


def _by_sdk(work: Work) -> Callable[[], Awaitable[Read]]:
    client = get_client(url=work.url, headers=work.headers)

    async def one() -> Read:
        thread = await client.threads.create()
        events, values = 0, {"messages": [{"content": ""}]}
        async for part in client.runs.stream(
            thread["thread_id"], "two_nodes", input=QUESTION, stream_mode=["messages-tuple", "values"]
        ):
            events += 1
            if part.event == "values":
                values = part.data
        return events, LAST_WORD in values["messages"][-1]["content"]

    return one


def _by_post(work: Work) -> Callable[[], Awaitable[Read]]:
    client = _bare(work)

    async def one() -> Read:
        return await _drain(client, "POST", "/stream", {"input": QUESTION})

    return one


def _by_joining(work: Work) -> Callable[[], Awaitable[Read]]:
    client = _bare(work)

    async def one() -> Read:
        runs = f"/threads/{uuid4()}/runs"
        started = (await client.post(runs, json=_RUN)).raise_for_status().json()
        stream = f"{runs}/{started['run_id']}/stream"
        read = await asyncio.gather(*(_drain(client, "GET", stream, None) for _ in range(work.readers)))
        return sum(events for events, _ in read), all(whole for _, whole in read)

    return one


def _bare(work: Work) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=work.url, headers=work.headers, timeout=TIMEOUT_SECONDS, limits=limits)


async def _drain(client: httpx.AsyncClient, method: str, path: str, body: object) -> Read:
    """Without looking at what it reads: the client shares the machine with the server."""
    received = bytearray()
    async with client.stream(method, path, json=body) as response:
        async for piece in response.raise_for_status().aiter_raw():
            received += piece
    return received.count(b"event: "), LAST_WORD.encode() in received


async def _main() -> None:
    work = Work(**json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asdict(await _all(work))), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())

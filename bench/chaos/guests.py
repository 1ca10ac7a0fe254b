"""One client: it starts runs, reads them however often it is cut off, and writes down what it was told."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from bench.chaos.doors import PAUSE_SECONDS, Doors, Unanswered, frames
from bench.chaos.ledger import Ledger

GRAPH = "story"
NEW_THREAD = 0.35
# Of the frames of a stream, those after which the client hangs up.
HANG_UP = 0.03
WORDS, PAUSES_MS = (5, 40), (10, 60)


@dataclass(slots=True)
class Guest:
    """`name` is in the questions it asks; nobody else writes on its threads."""

    name: str
    doors: Doors
    ledger: Ledger
    draw: random.Random
    knowledge_base_id: str
    threads: list[str] = field(default_factory=list)
    asked: int = 0

    async def thread(self) -> str:
        """One of its own, or a new one."""
        if not self.threads or self.draw.random() < NEW_THREAD:
            body = {"thread_id": self.new_id(), "if_exists": "do_nothing"}
            await self.doors.insist("POST", "/threads", json=body)
            self.threads.append(body["thread_id"])
            self.ledger.threads[body["thread_id"]] = self.name
        return self.draw.choice(self.threads)

    def new_id(self) -> str:
        return str(UUID(int=self.draw.getrandbits(128), version=4))

    def question(self) -> tuple[str, dict[str, Any]]:
        """Its key, which no other question has, and the body that asks it."""
        self.asked += 1
        key = f"{self.name}-{self.asked}"
        content = f"{key} {self.draw.randint(*WORDS)} {self.draw.randint(*PAUSES_MS)}"
        body = {
            "assistant_id": GRAPH,
            "input": {"messages": [{"role": "user", "content": content}]},
            "stream_mode": ["messages-tuple", "values"],
        }
        return key, body

    async def start(self, thread_id: str, **options: Any) -> str | None:
        """In the background. None when it was not acknowledged."""
        key, body = self.question()
        try:
            answer = await self.doors.ask("POST", f"/threads/{thread_id}/runs", json=body | options)
        except Unanswered:
            return None
        if answer.status_code == httpx.codes.CONFLICT and options.get("multitask_strategy") == "reject":
            return None
        run_id: str = answer.raise_for_status().json()["run_id"]
        self.ledger.promised(run_id, thread_id, key)
        return run_id

    async def start_stream(self, thread_id: str) -> str | None:
        """Started and read until it is cut off, or to the end."""
        key, body = self.question()
        run_id = None
        try:
            async with self.doors.once("POST", f"/threads/{thread_id}/runs/stream", json=body) as response:
                run_id = response.raise_for_status().headers["Content-Location"].rpartition("/")[2]
                self.ledger.promised(run_id, thread_id, key)
                await self.read(response, run_id)
        except Unanswered:
            pass
        return run_id

    async def follow(self, thread_id: str, run_id: str, route: str = "/threads/{}/runs/{}/stream") -> None:
        """From where it was cut off, through any door, until it has all."""
        while run_id not in self.ledger.finished:
            seen = self.ledger.seen.get(run_id)
            headers = {"Last-Event-ID": str(seen[-1].seq if seen else 0)}
            try:
                async with self.doors.once("GET", route.format(thread_id, run_id), headers=headers) as response:
                    if response.status_code == httpx.codes.NOT_FOUND:
                        self._is_gone(run_id)
                        return
                    await self.read(response.raise_for_status(), run_id)
            except Unanswered:
                await asyncio.sleep(PAUSE_SECONDS)

    async def read(self, response: httpx.Response, run_id: str) -> None:
        broken = False
        async for frame in frames(response):
            if frame.seq is None:
                broken = True
                continue
            self.ledger.saw(run_id, frame.seq, frame.name, frame.data)
            if self.draw.random() < HANG_UP:
                self.ledger.hung_up += 1
                return
        if not broken:
            self.ledger.finished.add(run_id)

    def _is_gone(self, run_id: str) -> None:
        if not self.ledger.runs[run_id].may_be_rolled_back:
            self.ledger.lost.add(run_id)
